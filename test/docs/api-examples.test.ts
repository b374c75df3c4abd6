// The comments of the public interface: nothing lacks one, and their examples compile, run and print what they say.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { docExamples, examplesIn, pathOf } from './doc-examples.ts'
import { publicSymbols, undocumented } from './public-names.ts'
import { isAsStated, problemsIn, programOfTexts, runSnippet, tiny } from './snippets.ts'

const examples = docExamples()
const former = process.cwd()
let folder: string
let program: ts.Program
beforeAll(async () => {
  program = programOfTexts(new Map(examples.map(example => [pathOf(example), example.code])), [
    resolve('src/index.ts'),
    resolve('src/files/buffer-source.d.ts'),
  ])
  folder = await mkdtemp(join(tmpdir(), 'rst-api-'))
  process.chdir(folder)
  const device = new Device({ threads: 1 })
  for (const [name, ratio] of [
    ['rst-5', 0.05],
    ['rst-10', 0.1],
  ] as const) {
    using ticket = await quickTicket(ratio, device, { data: tiny('cifar10'), width: 0.1, batchSize: 8 })
    await ticket.save(`${name}.safetensors`)
  }
}, 120_000)
afterAll(async () => {
  process.chdir(former)
  await rm(folder, { recursive: true })
})

describe('a comment', () => {
  it('stands on everything that users can name, and what they can call is in an example', () => {
    const checker = program.getTypeChecker()
    const index = program.getSourceFile(resolve(former, 'src/index.ts'))!
    const names = publicSymbols(checker, checker.getSymbolAtLocation(index)!)
    expect(names.size).toBeGreaterThan(200)
    expect(undocumented(checker, names)).toEqual([])
  }, 60_000)
})

describe('an example', () => {
  it('compiles as it is written', () => {
    expect(examples.length).toBeGreaterThan(50)
    expect(problemsIn(program, examples.map(pathOf))).toEqual([])
  }, 60_000)

  it.each(examples.filter(({ runs }) => runs).map(({ place, code }) => [place, code]))(
    'runs and prints what it says: %s',
    async (_, code) => {
      await runSnippet(code, (stated, printed) => {
        if (!isAsStated(stated, printed)) expect(printed).toBe(stated)
      })
    },
  )

  it('says what a line prints only where one line prints', () => {
    for (const { place, code } of examples) {
      const stated = code.split('\n').filter(line => line.includes('// →'))
      for (const line of stated) expect(line, place).toMatch(/^ *console\.log\(.*\) \/\/ → \S/)
    }
  })
})

describe('these tests', () => {
  it('find examples in fences and without', () => {
    const text = '/**\n * @example a()\n * @throws Error\n * @example\n * ```ts no-run\n * b()\n * ```\n */\n'
    expect(examplesIn('f.ts', text)).toEqual([
      { place: 'f.ts:2', code: 'a()', runs: true },
      { place: 'f.ts:4', code: 'b()', runs: false },
    ])
  })

  it('compare numbers to the decimals that are stated', () => {
    expect(isAsStated('[1, 0.33]', '[1, 0.3333]')).toBe(true)
    expect(isAsStated('[1, 0.34]', '[1, 0.3333]')).toBe(false)
    expect(isAsStated('1', '1.2')).toBe(false)
    expect(isAsStated('conv4 1', 'conv2 1')).toBe(false)
  })
})
