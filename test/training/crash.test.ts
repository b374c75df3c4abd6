// A run whose process dies between any two of its writes, or in the middle of one, can be resumed to the same bits.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import { Device } from '../../src/tensor/device.ts'
import type { SearchOptions } from '../../src/training/options.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'
import { asLines, untimed } from './untimed.ts'

/** Changes to the disk that are left until the process dies; none is made afterwards. */
const death = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, changes: 0 }))

vi.mock('node:fs/promises', async original => {
  const fs = await original<typeof import('node:fs/promises')>()
  const change = () => {
    if (death.left <= 0) throw new Error('killed')
    death.left--
    death.changes++
  }
  const dies =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A) => {
      change()
      return call(...args)
    }
  const open: typeof fs.open = async (...args) => {
    if (args[1] === 'r') return fs.open(...args)
    change()
    const file = await fs.open(...args)
    const write = file.write.bind(file) as (bytes: Uint8Array, from: number, count: number) => Promise<object>
    Object.assign(file, {
      sync: dies(file.sync.bind(file)),
      async write(bytes: Uint8Array, from: number, count: number) {
        // Half of it is on the disk when the process dies.
        if (death.left <= 0) await write(bytes, from, count >> 1)
        change()
        return write(bytes, from, count)
      },
    })
    return file
  }
  const { rename, unlink, link } = fs
  return {
    ...fs,
    open,
    rename: dies(rename),
    unlink: dies(unlink),
    link: dies(link),
    mkdir: dies(fs.mkdir as never),
    writeFile: dies(fs.writeFile as never),
  }
})

const device = new Device({ threads: 1 })
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-crash-'))
})
afterAll(() => rm(folder, { recursive: true }))

let names = 0
const newPath = () => join(folder, String(++names))

async function search(options: Partial<SearchOptions>) {
  const { ticket, history } = await searchRST({
    arch: 'conv2',
    width: 0.1,
    data: stripes({ train: 48, test: 16 }),
    remainingRatio: 0.4,
    inner: fgsmRs({ eps: 0.03 }),
    epochs: 4,
    selectEvery: 1,
    validationImages: 12,
    batchSize: 18,
    lr: 0.5,
    schedule: { kind: 'constant' },
    seed: 3,
    device,
    ...options,
  })
  const { masks, runningMean } = await ticket.data()
  ticket.dispose()
  return { history, masks, runningMean }
}

it.each([
  ['by epochs', { checkpointMinutes: 0 }, 11],
  ['by time', { checkpointMinutes: 1e-9 }, 41],
])('with checkpoints %s', async (_, options, every) => {
  const onWarning = vi.fn()
  const whole = await search({})
  death.changes = 0
  await search({ ...options, runDir: newPath() })
  const { changes } = death
  expect(changes).toBeGreaterThan(50)
  for (let at = 0; at < changes; at += every) {
    const runDir = newPath()
    death.left = at
    // The last changes, such as the release of the lock, may fail unheard.
    await search({ ...options, runDir }).catch(error => expect(error.message).toBe('killed'))
    death.left = Number.POSITIVE_INFINITY
    // The dead process was this one, whose lock would be respected.
    await rm(join(runDir, '.lock'), { force: true })
    const begun = await readFile(join(runDir, 'config.json')).then(
      () => true,
      () => false,
    )
    expect(await search({ ...options, runDir, resume: begun, onWarning }), `change ${at}`).toEqual(whole)
    const left = [...(await readdir(runDir)), ...(await readdir(join(runDir, 'checkpoints')))]
    expect(left.filter(name => name.startsWith('.'))).toEqual([])
    const metrics = await readFile(join(runDir, 'metrics.jsonl'), 'utf8')
    expect(untimed(metrics)).toEqual(asLines(whole.history))
  }
  expect(onWarning).not.toHaveBeenCalled()
})
