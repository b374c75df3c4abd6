// Each command line of the documents is understood; commands and flags that they name are there.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rst } from '../cli/run-rst.ts'
import { blocks, markdown, markdownFiles } from './markdown-files.ts'

const guides = markdownFiles.filter(file => file === 'README.md' || file.startsWith('docs/guides/'))
const lines = new Set(
  guides
    .flatMap(file => blocks(file, 'sh'))
    .flatMap(block => block.replaceAll('\\\n', ' ').split(/\n|&&/))
    .map(line =>
      line
        .trim()
        .replace(/^npx /, '')
        .replace(/\s+#.*$/, '')
        .replace('node_modules/rst-native/', ''),
    )
    .filter(line => line.startsWith('rst ')),
)
const commands = ['search', 'train', 'finetune', 'eval', 'info', 'transfer', 'r2s', 'data verify', 'doctor']
const text = guides.map(markdown).join('\n')
const repository = process.cwd()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-lines-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a command line', () => {
  it('there is for most commands', () => {
    expect(new Set([...lines].map(line => line.split(' ')[1])).size).toBeGreaterThanOrEqual(7)
  })

  it.each([...lines])('is understood: %s', async line => {
    // What it names need not be there, which gives 1; 2 is wrong use. Data sets must not: a training would begin.
    const [, command, ...options] = line
      .replace('examples/', `${repository}/examples/`)
      .replace(/\bruns\//g, `${folder}/`)
      .split(/\s+/)
    const reads = ['search', 'train', 'finetune', 'eval', 'transfer', 'r2s'].includes(command)
    const resumesSearch = command === 'search' && line.includes('--resume')
    const ran = await rst([
      command,
      ...options,
      ...(reads && !resumesSearch ? ['--data', '/no/such/folder'] : []),
    ])
    if (resumesSearch) expect(ran.stderr).toContain('holds no run to resume')
    else expect([0, 1], ran.stderr).toContain(ran.code)
  })

  const named = [...text.matchAll(/`(?:npx )?rst ([a-z0-9]+(?: (?:list|verify|where))?)[^`]*`/g)]
  it.each([...new Set(named.map(([, name]) => name))])('rst %s exists', async name => {
    expect((await rst([...name.split(' '), '--help'])).code).toBe(0)
  })

  it('names flags that there are', async () => {
    const helps = await Promise.all(
      commands.map(async name => (await rst([...name.split(' '), '--help'])).stdout),
    )
    const ofNode = ['--no-addons', '--allow-addons', '--allow-fs-read', '--ignore-scripts', '--external']
    const { stdout: ofService } = spawnSync('node', ['examples/serve/main.js', '--help'], {
      encoding: 'utf8',
    })
    helps.push(ofService)
    for (const [, flag] of text.matchAll(/`(?:npx )?(?:rst [^`]*)?(--[a-z][a-z-]*)/g)) {
      if (!ofNode.includes(flag)) expect(helps.join(), flag).toContain(flag)
    }
  })
})
