// Each TypeScript snippet of the documents compiles as it is written and runs on small data.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { blocks, markdownFiles } from './markdown-files.ts'
import { isAsStated, problemsIn, programOfTexts, runSnippet, tiny } from './snippets.ts'

const snippets = markdownFiles.flatMap(file =>
  blocks(file, 'ts').map((text, i) => ({ name: `${file}, ${i + 1}`, text })),
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

describe('a snippet', () => {
  it('there is of training, own data, attacks and switches', () => {
    for (const name of ['searchRST', 'fromArrays', 'targets', 'R2S.load', 'grad(', 'first: ', '// → ']) {
      expect(snippets.filter(({ text }) => text.includes(name))).not.toHaveLength(0)
    }
  })

  it('compiles as it is written', { timeout: 180_000 }, () => {
    const path = (name: string) => resolve(former, `test/docs/${name.replaceAll(/\W+/g, '-')}.ts`)
    const files = new Map(snippets.map(({ name, text }) => [path(name), text]))
    expect(problemsIn(programOfTexts(files), files.keys())).toEqual([])
  })

  it.each(snippets)('runs: $name', ({ text }) =>
    runSnippet(text, (stated, printed) => {
      expect(isAsStated(stated, printed), `${stated} but it prints ${printed}`).toBe(true)
    }),
  )
})
