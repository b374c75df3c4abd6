// The random switch as a service uses it.
import crypto from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { autoAttack, fgsm } from '../../src/attacks/index.ts'
import { ConfigError, ShapeError, TicketError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { Network } from '../../src/nn/network.ts'
import { R2S } from '../../src/r2s/r2s.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import type { TicketMetadata } from '../../src/saved/ticket-data.ts'
import { Device } from '../../src/tensor/device.ts'
import { scope } from '../../src/tensor/scope.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { finetune } from '../../src/training/finetune.ts'
import { data, quickTicket } from './small-tickets.ts'

const device = new Device({ threads: 1 })
const ratios = [0.1, 0.3, 0.5]
const imageSize = 64
const pixels = Float32Array.from(data.test.images.subarray(0, 9 * imageSize), v => v / 255)
const image = pixels.slice(0, imageSize)

let folder: string
let paths: string[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-r2s-'))
  paths = ratios.map(ratio => join(folder, `${ratio}.safetensors`))
  for (const [k, ratio] of ratios.entries()) {
    using ticket = await quickTicket(ratio, device, { scoreSeed: k })
    await ticket.save(paths[k])
  }
})
afterAll(() => rm(folder, { recursive: true }))

const load = (seed?: number) => R2S.load(paths, { device, seed })

async function logitsOf(model: Pick<Ticket, 'logits'>): Promise<number[]> {
  using y = scope(() => model.logits(tensor(pixels, [9, 1, 8, 8], { device })))
  return [...(await y.data())]
}

describe('the tickets of a switch', () => {
  it('answer, to the bit, as they do alone: masks and statistics are their own', async () => {
    using r2s = await load(0)
    expect(r2s.tickets).toHaveLength(3)
    const answers = []
    for (const [k, path] of paths.entries()) {
      using alone = await loadTicket(path, { device })
      const expected = await logitsOf(alone)
      expect(await logitsOf(r2s.pinned(k))).toEqual(expected)
      answers.push(expected)
    }
    expect(answers[0]).not.toEqual(answers[1])
    expect(answers[1]).not.toEqual(answers[2])
  })

  it('share one weight tensor a layer, and leave no memory behind', async () => {
    const own = new Device({ threads: 1 })
    const tickets = []
    for (const path of paths) tickets.push(await loadTicket(path, { device: own }))
    await own.synchronize()
    const before = own.memory().inUse
    const r2s = new R2S(tickets)
    await own.synchronize()
    const { network } = tickets[0]
    expect(before - own.memory().inUse).toBeGreaterThanOrEqual(2 * 4 * network.weightCount)
    for (const [i, layer] of network.convolutions.entries()) {
      for (const { network: other } of tickets) expect(other.convolutions[i].weight).toBe(layer.weight)
    }
    await r2s.predict(image)
    r2s.dispose()
    await own.synchronize()
    expect(own.memory().inUse).toBe(0)
  })

  it('are loaded onto the weights of the first: no others are ever drawn', async () => {
    const wide = join(folder, 'wide.safetensors')
    using made = await quickTicket(0.3, device, { width: 1 })
    await made.save(wide)
    const weights = 4 * made.network.weightCount
    const own = new Device({ threads: 1 })
    const draws = vi.spyOn(Network.prototype, 'drawWeights')
    const r2s = await R2S.load(new Array(6).fill(wide), { device: own })
    expect(draws).toHaveBeenCalledTimes(1)
    draws.mockRestore()
    await own.synchronize()
    const { inUse, peak } = own.memory()
    // A mask takes a byte a weight.
    expect(inUse).toBeLessThan(weights + 6 * 0.27 * weights)
    // Nothing more was there on the way.
    expect(peak).toBeLessThan(inUse + 0.27 * weights)
    r2s.dispose()
    r2s.dispose()
    await own.synchronize()
    expect(own.memory().inUse).toBe(0)
  })

  it('stay as they were where no switch is made of them', async () => {
    const own = new Device({ threads: 1 })
    using first = await loadTicket(paths[0], { device: own })
    using second = await loadTicket(paths[1], { device: own })
    using elsewhere = await loadTicket(paths[2], { device })
    const gone = await loadTicket(paths[2], { device: own })
    gone.dispose()
    const answersOf = async () => [await first.predict(image), await second.predict(image)]
    const before = await answersOf()
    const refused: [() => R2S, string][] = [
      [() => new R2S([first, second], { seed: -1 }), 'seed'],
      [() => new R2S([first, second], { sed: 1 } as never), 'sed'],
      [() => new R2S([first, second, elsewhere]), 'device'],
      [() => new R2S([first, second, gone]), 'tickets'],
      [() => new R2S([first, second, {} as never]), 'tickets'],
    ]
    for (const [make, option] of refused) {
      expect(make).toThrow(expect.objectContaining({ name: 'ConfigError', option }))
      expect(await answersOf()).toEqual(before)
      expect(first.network.convolutions[0].weight).not.toBe(second.network.convolutions[0].weight)
    }
  })

  it('switch without taking memory: many switches are as cheap as one round of all tickets', async () => {
    const own = new Device({ threads: 1 })
    using r2s = await R2S.load(paths, { device: own, seed: 1 })
    for (let i = 0; i < 20; i++) await r2s.predict(image)
    await own.synchronize()
    const before = own.memory().inUse
    for (let i = 0; i < 100; i++) await r2s.predict(image)
    await own.synchronize()
    expect(own.memory().inUse).toBe(before)
  })

  it('keep their own weights where they were fine-tuned', async () => {
    using base = await quickTicket(0.3, device, { scoreSeed: 1 })
    const { ticket: tuned } = await finetune({
      ticket: base,
      data,
      inner: fgsm({ eps: 0.01 }),
      epochs: 1,
      batchSize: 32,
      selectOn: 'last',
    })
    const expected = await logitsOf(tuned)
    using r2s = new R2S([
      await loadTicket(paths[0], { device }),
      tuned,
      await loadTicket(paths[2], { device }),
    ])
    expect(await logitsOf(r2s.pinned(1))).toEqual(expected)
    const [first, second, third] = r2s.tickets.map(({ network }) => network.convolutions[0].weight)
    expect(second).not.toBe(first)
    expect(third).toBe(first)
  })
})

describe('AutoAttack', () => {
  const attack = autoAttack({ eps: 0.1, version: 'custom', attacks: ['apgd-ce'], checks: false })
  const run = (model: Classifier) => attack.run(model, image, [data.test.labels[0]])

  it('refuses the switch, whose single answers decide nothing, and attacks a pinned ticket', async () => {
    using r2s = await load()
    await expect(run(r2s)).rejects.toThrow(/pin a ticket \(r2s\.pinned\(0\)\).*evaluateR2S/)
    expect((await run(r2s.pinned(0))).robust).toHaveLength(1)
  })
})

describe('the draws', () => {
  const drawn = async (r2s: R2S, count: number) => {
    const tickets = []
    for (let i = 0; i < count; i++) tickets.push((await r2s.predict(image)).ticket)
    return tickets
  }

  it('are a function of the seed, and each ticket is as likely as another', async () => {
    using a = await load(5)
    using b = await load(5)
    using c = await load(6)
    const [first, again, other] = [await drawn(a, 300), await drawn(b, 300), await drawn(c, 300)]
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
    for (let k = 0; k < 3; k++) {
      const share = first.filter(ticket => ticket === k).length / 300
      // Four standard deviations.
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.11)
    }
  })

  it('come from the cryptographic generator of the system where no seed is given, one a request', async () => {
    using r2s = await load()
    expect(r2s.seed).toBeUndefined()
    const spy = vi.spyOn(crypto, 'randomInt')
    try {
      const tickets = await drawn(r2s, 6)
      await r2s.predictBatch(pixels)
      await logitsOf(r2s)
      expect(spy.mock.calls).toEqual(new Array(8).fill([3]))
      expect(spy.mock.results.slice(0, 6).map(({ value }) => value)).toEqual(tickets)
      using seeded = await load(1)
      await drawn(seeded, 3)
      expect(spy).toHaveBeenCalledTimes(8)
    } finally {
      spy.mockRestore()
    }
  })

  it('are uniform without a seed', async () => {
    using r2s = await load()
    const counts = [0, 0, 0]
    const asked = r2s.tickets.map((ticket, k) =>
      vi.spyOn(ticket, 'logits').mockImplementation(() => {
        counts[k]++
        return undefined as never
      }),
    )
    for (let i = 0; i < 30_000; i++) r2s.logits(undefined as never)
    for (const spy of asked) spy.mockRestore()
    // Six standard deviations: once in 500 million runs.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(490)
  })

  it('are the same in any order of answers: requests at once draw as requests in turn', async () => {
    using one = await load(5)
    using other = await load(5)
    const atOnce = await Promise.all(Array.from({ length: 30 }, () => one.predict(image)))
    expect(atOnce.map(({ ticket }) => ticket)).toEqual(await drawn(other, 30))
  })

  it('decide the answer: of predict for a request, of predictBatch for a batch, of logits for a call', async () => {
    using r2s = await load(2)
    const alone = []
    for (const ticket of r2s.tickets) alone.push(await ticket.predict(image))
    for (let i = 0; i < 5; i++) {
      const { ticket, ...prediction } = await r2s.predict(image)
      expect(prediction).toEqual(alone[ticket])
      const batch = await r2s.predictBatch(pixels)
      expect(batch.labels).toHaveLength(9)
      expect(batch.labels[0]).toBe(alone[batch.ticket].label)
      expect(batch.probabilities.slice(0, 4)).toEqual(alone[batch.ticket].probabilities)
    }
    const answers = []
    for (let i = 0; i < 12; i++) answers.push((await logitsOf(r2s)).join())
    expect(new Set(answers).size).toBe(3)
    expect(r2s.randomized).toBe(true)
    expect('randomized' in r2s.pinned(0)).toBe(false)
  })

  it('of a single ticket are always that ticket', async () => {
    using r2s = await R2S.load([paths[1]], { device, seed: 3 })
    expect(await drawn(r2s, 10)).toEqual(new Array(10).fill(0))
    expect(await logitsOf(r2s)).toEqual(await logitsOf(r2s.pinned(0)))
  })
})

describe('is refused:', () => {
  const differing: [keyof TicketMetadata, unknown][] = [
    ['arch', 'conv4'],
    ['width', 0.2],
    ['classes', 5],
    ['inChannels', 3],
    ['imageSize', [8, 9]],
    ['init', 'kaiming-normal'],
    ['weightSeed', 8],
    ['normalisation', { mean: [0.5], std: [0.2] }],
  ]
  it.each(differing)('a ticket of another %s', async (field, value) => {
    using first = await loadTicket(paths[0], { device })
    using second = await loadTicket(paths[1], { device })
    const fitting = field === 'inChannels' && { normalisation: { mean: [0, 0, 0], std: [1, 1, 1] } }
    const other = second.withMetadata({ ...second.metadata, ...fitting, [field]: value })
    const make = () => new R2S([first, other])
    expect(make).toThrow(TicketError)
    expect(make).toThrow(expect.objectContaining({ field }))
    expect(make).toThrow(`${field} is ${JSON.stringify(value)} in ticket 2`)
  })

  it('no ticket, tickets on two devices, a bad seed, a ticket that is not there', async () => {
    expect(() => new R2S([])).toThrow(ConfigError)
    using first = await loadTicket(paths[0], { device })
    using elsewhere = await loadTicket(paths[1], { device: new Device({ threads: 1 }) })
    expect(() => new R2S([first, elsewhere])).toThrow(expect.objectContaining({ option: 'device' }))
    expect(() => new R2S([first], { seed: -1 })).toThrow(expect.objectContaining({ option: 'seed' }))
    using r2s = await load(0)
    for (const k of [-1, 3, 0.5]) {
      expect(() => r2s.pinned(k)).toThrow(`from 0 to 2 but received ${k}`)
    }
  })

  it('a file that is missing, with the memory of the others given back', async () => {
    const own = new Device({ threads: 1 })
    const run = R2S.load([...paths, join(folder, 'none')], { device: own })
    await expect(run).rejects.toThrow(expect.objectContaining({ name: 'TicketError', field: 'file' }))
    await own.synchronize()
    expect(own.memory().inUse).toBe(0)
  })

  it('a damaged file among sound ones, with the memory of the others given back', async () => {
    const own = new Device({ threads: 1 })
    const damaged = join(folder, 'damaged')
    const bytes = await readFile(paths[0])
    bytes[bytes.length - 2] ^= 1
    await writeFile(damaged, bytes)
    const run = R2S.load([...paths, damaged], { device: own })
    await expect(run).rejects.toThrow(expect.objectContaining({ name: 'TicketError', field: 'sha256' }))
    await own.synchronize()
    expect(own.memory().inUse).toBe(0)
  })

  it('pixels of another size', async () => {
    using r2s = await load(0)
    await expect(r2s.predict(image.subarray(1))).rejects.toThrow(ShapeError)
    await expect(r2s.predictBatch(pixels.subarray(1))).rejects.toThrow(
      /64 values each\) in pixels but received 575/,
    )
    await expect(r2s.predictBatch(new Float32Array())).rejects.toThrow(ShapeError)
  })
})
