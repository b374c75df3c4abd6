// Each TypeScript snippet of the documents compiles as it is written and runs on small data.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as library from '../../src/index.ts'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { blocks, markdownFiles } from './markdown-files.ts'

const snippets = markdownFiles.flatMap(file =>
  blocks(file, 'ts').map((text, i) => ({ name: `${file}, snippet ${i + 1}`, text })),
)
const former = process.cwd()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-snippets-'))
  await cp('examples', join(folder, 'examples'), { recursive: true })
  process.chdir(folder)
  const device = new Device({ threads: 1 })
  for (const [name, ratio] of [
    ['rst-5', 0.05],
    ['rst-7', 0.07],
    ['rst-10', 0.1],
  ] as const) {
    using ticket = await quickTicket(ratio, device, { data: tiny('cifar10'), width: 0.1, batchSize: 8 })
    await ticket.save(`${name}.safetensors`)
  }
})
afterAll(async () => {
  process.chdir(former)
  await rm(folder, { recursive: true })
})

/** A data set of the same shape with few images. */
function tiny(name: string) {
  const { channels, height, width, classes } = library.datasets.info(name)
  const split = (size: number) => ({
    images: Uint8Array.from({ length: size * channels * height * width }, (_, i) => (i * 37) % 251),
    labels: Array.from({ length: size }, (_, i) => i % classes),
  })
  return library.datasets.fromArrays({
    name,
    classes,
    shape: [channels, height, width],
    train: split(24),
    test: split(8),
  })
}

/** What makes the snippets quick; each of these is met. */
const smaller = [
  ['limit: 1000', 'limit: 4'],
  ['first: 16', 'first: 4'],
  ['batchSize: 128', 'batchSize: 8'],
] as const

describe('a snippet', () => {
  it('there is of training, own data, attacks and switches', () => {
    for (const name of [
      'searchRST',
      'fromArrays',
      'targets',
      'R2S.load',
      'grad(',
      ...smaller.map(([from]) => from),
    ]) {
      expect(snippets.filter(({ text }) => text.includes(name))).not.toHaveLength(0)
    }
  })

  it('compiles as it is written', { timeout: 180_000 }, () => {
    const files = new Map(snippets.map(({ text }, i) => [resolve(former, `test/docs/snippet-${i}.ts`), text]))
    const { config } = ts.readConfigFile(join(former, 'tsconfig.json'), ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent(
      { ...config, include: [], files: [...files.keys()] },
      ts.sys,
      former,
    )
    Object.assign(options, {
      paths: { 'rst-native': [join(former, 'src/index.ts')] },
      noUnusedLocals: false,
    })
    const host = ts.createCompilerHost(options)
    const { fileExists, readFile: read } = host
    host.fileExists = path => files.has(path) || fileExists(path)
    host.readFile = path => files.get(path) ?? read(path)
    host.getCurrentDirectory = () => former
    const program = ts.createProgram([...files.keys()], options, host)
    const problems = [...files.keys()].flatMap((path, i) => {
      const file = program.getSourceFile(path)
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
        ({ messageText }) => `${snippets[i].name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      )
    })
    expect(problems).toEqual([])
  })

  it.each(snippets)('runs: $name', async ({ text }) => {
    const datasets = {
      ...library.datasets,
      cifar10: async () => tiny('cifar10'),
      fashionMnist: async () => tiny('fashion-mnist'),
    }
    const small = smaller.reduce((code, [from, to]) => code.replaceAll(from, to), text)
    const { outputText } = ts.transpileModule(small, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    const body = outputText.replace(/^import (\{[^}]*\}) from 'rst-native';?/m, 'const $1 = library')
    const AsyncFunction = (async () => {}).constructor as new (
      ...code: string[]
    ) => (...values: unknown[]) => Promise<void>
    const printed: string[] = []
    const log = (...values: unknown[]) => printed.push(values.join(' '))
    await new AsyncFunction('library', 'console', body)({ ...library, datasets }, { log })
    const promised = [...text.matchAll(/ \/\/ prints (.*?)(?= \/\/|$)/gm)].map(([, line]) => line)
    if (promised.length > 0) expect(printed).toEqual(promised)
  })
})
