import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { makeNumberedFolder } from '../../src/files/folders.ts'
import { RunFolder } from '../../src/files/run-folder.ts'

const config = { arch: 'conv2', inner: { name: 'pgd', eps: 0.1 }, milestones: [1, 2], limit: undefined }

let parent: string
let path: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'rst-run-'))
  path = join(parent, 'runs', 'first')
})
afterEach(() => rm(parent, { recursive: true }))

async function configError(promise: Promise<unknown>): Promise<ConfigError> {
  const error = await promise.then(
    () => expect.unreachable('no error was thrown'),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return error as ConfigError
}

describe('RunFolder.create', () => {
  it('writes the configuration', async () => {
    await RunFolder.create(path, config)
    expect(JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(config)),
    )
  })

  it('refuses a folder that holds a run', async () => {
    await (await RunFolder.create(path, config)).close()
    expect((await configError(RunFolder.create(path, config))).message).toContain('--resume')
    expect(await readdir(path)).not.toContain('.lock')
  })

  it('refuses a place that cannot be written', async () => {
    await writeFile(join(parent, 'runs'), '')
    expect((await configError(RunFolder.create(path, config))).option).toBe('out')
  })
})

describe('checkpoints', () => {
  it('are kept for the two newest steps', async () => {
    const folder = await RunFolder.create(path, config)
    for (const step of [5, 10, 100_000_000, 20]) await folder.writeCheckpoint(step, new Uint8Array([step]))
    expect(await readdir(join(path, 'checkpoints'))).toEqual([
      'step-00000020.safetensors',
      'step-100000000.safetensors',
    ])
    await writeFile(join(path, 'checkpoints', '.step-00000030.safetensors.1-ab.tmp'), '')
    expect((await folder.checkpoints()).map(checkpoint => checkpoint.step)).toEqual([20, 100_000_000])
  })
})

describe('RunFolder.resume', () => {
  it('finds the checkpoints and lets metrics be written on', async () => {
    const folder = await RunFolder.create(path, config)
    for (const step of [1, 2, 3]) {
      await folder.appendMetrics({ step, loss: step / 2 })
      await folder.writeCheckpoint(step, new Uint8Array([step]))
    }
    await folder.close()
    const again = await RunFolder.resume(path, config)
    expect((await again.checkpoints()).map(({ step }) => step)).toEqual([2, 3])
    await again.appendMetrics({ step: 4, loss: 9 })
    expect(await readFile(join(path, 'metrics.jsonl'), 'utf8')).toBe(
      '{"step":1,"loss":0.5}\n{"step":2,"loss":1}\n{"step":3,"loss":1.5}\n{"step":4,"loss":9}\n',
    )
  })

  it.each([
    ['arch', { ...config, arch: 'conv4' }, 'arch = "conv2" but now it is "conv4"'],
    ['inner.eps', { ...config, inner: { name: 'pgd', eps: 0.2 } }, 'inner.eps = 0.1 but now it is 0.2'],
    ['milestones', { ...config, milestones: [1] }, 'milestones = [1,2]'],
    ['limit', { ...config, limit: 5 }, 'limit = nothing but now it is 5'],
  ])('refuses another %s', async (key, changed, message) => {
    await RunFolder.create(path, config)
    const error = await configError(RunFolder.resume(path, changed))
    expect(error.option).toBe(key)
    expect(error.message).toContain(message)
  })

  it('refuses a folder without a run, or with a damaged one', async () => {
    expect((await configError(RunFolder.resume(path, config))).message).toContain('holds no run to resume')
    await RunFolder.create(path, config)
    await writeFile(join(path, 'config.json'), '{')
    expect((await configError(RunFolder.resume(path, config))).message).toContain('is not JSON')
  })
})

it('makeNumberedFolder takes the first free number', async () => {
  expect(await makeNumberedFolder(join(parent, 'runs'), 'search')).toBe(join(parent, 'runs', 'search-1'))
  expect(await makeNumberedFolder(join(parent, 'runs'), 'search')).toBe(join(parent, 'runs', 'search-2'))
})
