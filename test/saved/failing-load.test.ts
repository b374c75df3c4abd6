// Tickets that cannot be built: a typed error that names the file, and no memory lost.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { TicketError } from '../../src/errors.ts'
import { Network } from '../../src/nn/network.ts'
import { loadTicket } from '../../src/saved/ticket.ts'
import type { LayerMask, TicketData, TicketMetadata } from '../../src/saved/ticket-data.ts'
import { encodeTicket } from '../../src/saved/ticket-file.ts'
import { Device } from '../../src/tensor/device.ts'
import { randomTicket } from '../../src/training/search.ts'
import { data as images, quickTicket } from '../r2s/small-tickets.ts'

const device = new Device({ threads: 1 })
let folder: string
let path: string
let sound: TicketData
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-failing-'))
  path = join(folder, 'ticket.safetensors')
  const ticket = await quickTicket(0.3, device)
  sound = await ticket.data()
  ticket.dispose()
})
afterAll(() => rm(folder, { recursive: true }))

const inUse = async () => {
  await device.synchronize()
  return device.memory().inUse
}

/** Entries without one, or with another in its place. */
function changed<T>(entries: ReadonlyMap<string, T>, name: string, entry?: [string, T]): Map<string, T> {
  const rest = [...entries].filter(([key]) => key !== name)
  return new Map(entry ? [...rest, entry] : rest)
}

const withMetadata = (change: Partial<TicketMetadata>): TicketData => ({
  ...sound,
  metadata: { ...sound.metadata, ...change },
})
function foreign(): [string, () => TicketData, string][] {
  const [layer] = sound.masks.keys()
  const [norm] = sound.runningMean.keys()
  const mask = sound.masks.get(layer)!
  const other: LayerMask = { weightShape: [1, 1, 3, 3], shape: [1, 1, 3, 3], bits: Uint8Array.of(7, 0) }
  const norms = (name?: string, channels = 3): Pick<TicketData, 'runningMean' | 'runningVar'> => {
    const entry =
      name === undefined ? undefined : ([name, new Float32Array(channels)] as [string, Float32Array])
    return {
      runningMean: changed(sound.runningMean, norm, entry),
      runningVar: changed(sound.runningVar, norm, entry),
    }
  }
  return [
    ['lacks a layer', () => ({ ...sound, masks: changed(sound.masks, layer) }), `${layer}.mask`],
    [
      'has a layer of another name',
      () => ({ ...sound, masks: changed(sound.masks, layer, ['other', mask]) }),
      `${layer}.mask`,
    ],
    [
      'has a layer too many',
      () => ({ ...sound, masks: new Map([...sound.masks, ['other', mask]]) }),
      'other.mask',
    ],
    [
      'has a layer of another shape',
      () => ({ ...sound, masks: changed(sound.masks, layer, [layer, other]) }),
      `${layer}.mask`,
    ],
    ['lacks a batch norm', () => ({ ...sound, ...norms() }), `${norm}.running_mean`],
    ['has a batch norm of another name', () => ({ ...sound, ...norms('other') }), `${norm}.running_mean`],
    ['has a batch norm of other channels', () => ({ ...sound, ...norms(norm, 1) }), `${norm}.running_mean`],
    ['is of another architecture', () => withMetadata({ arch: 'conv4' }), '.mask'],
    ['is of no architecture', () => withMetadata({ arch: 'conv3' }), 'arch'],
    ['is of another width', () => withMetadata({ width: 1 }), `${layer}.mask`],
    ['is of a width that no network has', () => withMetadata({ width: 1e9 }), 'width'],
    ['is of more classes', () => withMetadata({ classes: 1000 }), '.mask'],
    ['is of more classes than fit into memory', () => withMetadata({ classes: 2 ** 50 }), '.mask'],
  ]
}

it('a ticket whose layers are not those of its architecture is a TicketError that names file and field', async () => {
  await writeFile(path, encodeTicket(sound))
  const ticket = await loadTicket(path, { device })
  ticket.dispose()
  const before = await inUse()
  for (const [name, make, field] of foreign()) {
    await writeFile(path, encodeTicket(make()))
    const run = loadTicket(path, { device })
    await expect(run, name).rejects.toThrow(TicketError)
    await expect(run, name).rejects.toMatchObject({
      field: expect.stringContaining(field),
      message: expect.stringContaining(path),
    })
    expect(await inUse(), name).toBe(before)
  }
})

it('a ticket file damaged at any byte loses no memory', async () => {
  const bytes = encodeTicket(sound)
  const before = await inUse()
  for (let i = 0; i < 60; i++) {
    const damaged = Uint8Array.from(bytes)
    damaged[Math.floor((i * bytes.length) / 60)] ^= 1 << (i % 8)
    await writeFile(path, damaged)
    await expect(loadTicket(path, { device })).rejects.toThrow(TicketError)
  }
  expect(await inUse()).toBe(before)
  expect(await readFile(path)).toHaveLength(bytes.length)
})

describe('a random ticket that cannot be made loses no memory', () => {
  const options = { arch: 'conv2', width: 0.15, data: images, remainingRatio: 0.3, inner: null, device }
  it.each([
    ['as its weights are drawn', 'drawWeights'],
    ['as its scores are drawn', 'drawScores'],
    ['as its masks are taken', 'updateMasks'],
    ['as its statistics settle', 'logits'],
  ] as const)('%s', async (_, method) => {
    const before = await inUse()
    const whole = Network.prototype[method] as (...args: never[]) => unknown
    const stopping = function (this: Network, ...args: never[]) {
      whole.apply(this, args)
      throw new Error('stopped')
    }
    const spy = vi.spyOn(Network.prototype, method).mockImplementation(stopping as never)
    await expect(randomTicket({ ...options, epochs: 1, batchSize: 32 })).rejects.toThrow('stopped')
    spy.mockRestore()
    expect(await inUse()).toBe(before)
  })
})

it('an architecture that throws loses no memory', async () => {
  const before = await inUse()
  const make = () =>
    new Network(
      (build, images) => {
        build.batchNorm('bn', images)
        throw new Error('stopped')
      },
      {
        ...{ classes: 10, inChannels: 1, imageSize: [8, 8], width: 1, mean: [0], std: [1] },
        device,
      } as never,
    )
  expect(make).toThrow('stopped')
  expect(await inUse()).toBe(before)
})
