// README: each TypeScript snippet compiles as it is written and runs on small data; each command line is understood.
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import { rst } from '../cli/run-rst.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { problemsIn, programOfTexts, runSnippet, tiny } from './snippets.ts'

const readme = await readFile('README.md', 'utf8')
const blocks = (language: string) =>
  [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, of]) => of === language)
    .map(([, , text]) => text)
const snippets = blocks('ts')
const former = process.cwd()

it.each([...readme.matchAll(/\]\(([^):#]+)\)/g)].map(([, path]) => path))(
  'the link to %s leads somewhere',
  path => {
    expect(existsSync(resolve(former, path))).toBe(true)
  },
)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-readme-'))
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

describe('a snippet', () => {
  it('there is of training, own data, attacks and switches', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(4)
    for (const name of ['searchRST', 'fromArrays', 'targets', 'R2S.load']) {
      expect(snippets.filter(snippet => snippet.includes(name))).not.toHaveLength(0)
    }
  })

  it('compiles as it is written', { timeout: 180_000 }, () => {
    const files = new Map(snippets.map((text, i) => [resolve(former, `test/docs/snippet-${i}.ts`), text]))
    expect(problemsIn(programOfTexts(files), files.keys())).toEqual([])
  })

  it.each(snippets.map(text => [/[^\n]*\n\n([^\n]*)/.exec(text)![1], text]))('runs: %s', (_, text) =>
    runSnippet(text),
  )
})

describe('a command line', () => {
  const lines = blocks('sh')
    .flatMap(block => block.split(/\n|&&/))
    .map(line => line.trim().replace(/^npx /, ''))
    .filter(line => line.startsWith('rst '))

  it('there is for most commands', () => {
    expect(new Set(lines.map(line => line.split(' ')[1])).size).toBeGreaterThanOrEqual(5)
  })

  it.each(lines)('is understood: %s', async line => {
    // What it names need not be there, which gives 1; 2 is wrong use. Data sets must not: a training would begin.
    const [, command, ...options] = line.split(/\s+/)
    const reads = ['search', 'train', 'finetune', 'eval', 'transfer', 'r2s'].includes(command)
    const data = reads && !line.includes('--resume') ? ['--data', '/no/such/folder'] : []
    const ran = await rst([command, ...options, ...data])
    if (line.includes('--resume --out')) expect(ran.stderr).toContain('holds no run to resume')
    else expect([0, 1], ran.stderr).toContain(ran.code)
  })

  const named = [...readme.matchAll(/`(?:npx )?rst ([a-z0-9]+(?: (?:list|verify|where))?)[^`]*`/g)]
  it.each([...new Set(named.map(([, name]) => name))])('rst %s exists', async name => {
    expect((await rst([...name.split(' '), '--help'])).code).toBe(0)
  })

  it('names flags that there are', async () => {
    const helps = await Promise.all(
      ['search', 'train', 'finetune', 'eval', 'info', 'transfer', 'r2s', 'data verify', 'doctor'].map(
        async name => (await rst([...name.split(' '), '--help'])).stdout,
      ),
    )
    for (const [, flag] of readme.matchAll(/`(--[a-z][a-z-]*)/g)) expect(helps.join(), flag).toContain(flag)
  })
})
