import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { InnerAttack } from '../../src/attacks/frame/inner-attack.ts'
import { fgsmRs, free, pgd } from '../../src/attacks/index.ts'
import { AbortError, ConfigError, DivergenceError, TicketError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { keepCount, patterns } from '../../src/nn/pattern.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import type { SearchOptions } from '../../src/training/options.ts'
import { randomTicket, searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes()
const one = new Device({ threads: 1 })
const two = new Device({ threads: 2 })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-search-'))
})
afterAll(() => rm(folder, { recursive: true }))

let files = 0
const path = (name: string) => join(folder, `${++files}-${name}`)

async function bytesOf(ticket: Ticket): Promise<Buffer> {
  const file = path('ticket.safetensors')
  await ticket.save(file)
  return readFile(file)
}

/** Two epochs of three batches, the last one smaller. */
const small = (options: Partial<SearchOptions> = {}): SearchOptions => ({
  arch: 'conv2',
  width: 0.1,
  data,
  remainingRatio: 0.4,
  inner: fgsmRs({ eps: 0.05 }),
  epochs: 2,
  batchSize: 40,
  lr: 0.5,
  seed: 7,
  device: one,
  ...options,
})

async function searched(options: Partial<SearchOptions> = {}) {
  const { ticket, history } = await searchRST(small(options))
  const bytes = await bytesOf(ticket)
  ticket.dispose()
  return { bytes, history }
}

describe('a search gives the same ticket, to the byte,', () => {
  it('for the same seed and any number of threads, and another for another seed', async () => {
    const first = await searched()
    const again = await searched()
    const twoThreads = await searched({ device: two })
    const otherSeed = await searched({ seed: 8 })
    expect(again).toEqual(first)
    expect(twoThreads).toEqual(first)
    expect(otherSeed.bytes.equals(first.bytes)).toBe(false)
    expect(otherSeed.history).not.toEqual(first.history)
  })

  it('with or without a run folder, and while progress is watched', async () => {
    const plain = await searched()
    const steps: number[] = []
    const watched = await searched({
      runDir: path('run'),
      onProgress: ({ step, steps: all, epoch, epochs, secondsLeft, imagesPerSecond }) => {
        steps.push(step)
        expect([all, epochs, epoch]).toEqual([6, 2, step <= 3 ? 0 : 1])
        expect(secondsLeft).toBeGreaterThanOrEqual(0)
        expect(imagesPerSecond).toBeGreaterThan(0)
      },
    })
    expect(watched).toEqual(plain)
    expect(steps).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('apart from what the seed of the weights and that of the scores each decide', async () => {
    const { ticket: base } = await searchRST(small({ epochs: 1 }))
    const { ticket: otherScores } = await searchRST(small({ epochs: 1, scoreSeed: 99 }))
    const { ticket: otherWeights } = await searchRST(small({ epochs: 1, weightSeed: 99 }))
    const weight = async (t: Ticket) => [...(await t.network.convolutions[1].weight.data())]
    const mask = async (t: Ticket) => [...(await t.network.convolutions[1].mask!.data())]
    expect(await weight(otherScores)).toEqual(await weight(base))
    expect(await weight(otherWeights)).not.toEqual(await weight(base))
    expect(await mask(otherScores)).not.toEqual(await mask(base))
    for (const t of [base, otherScores, otherWeights]) t.dispose()
  })
})

describe('an interrupted and resumed search ends as one that never stopped', () => {
  const variants: [string, Partial<SearchOptions>][] = [
    ['fgsm-rs', { inner: fgsmRs({ eps: 0.05 }) }],
    ['pgd', { inner: pgd({ eps: 0.05, steps: 2 }) }],
    // Batches of one size, so that the noise is carried over where the search stops.
    ['free', { inner: free({ eps: 0.05, replays: 2 }), batchSize: 32 }],
    ['natural', { inner: null }],
  ]

  async function interrupted(at: number, options: Partial<SearchOptions>): Promise<void> {
    const controller = new AbortController()
    const run = searchRST(
      small({
        ...options,
        signal: controller.signal,
        onProgress: ({ step }) => step === at && controller.abort(),
      }),
    )
    await expect(run).rejects.toThrow(AbortError)
    await expect(run).rejects.toThrow(expect.objectContaining({ name: 'AbortError', code: 'ABORT_ERR' }))
  }

  it.each(variants)('with inner attack %s, stopped in the middle of the second epoch', async (_, options) => {
    const whole = await searched(options)
    const runDir = path('run')
    await interrupted(4, { ...options, runDir })
    expect(await searched({ ...options, runDir, resume: true })).toEqual(whole)
  })

  it('when stopped again and again, and resumed with other threads', async () => {
    const options = { inner: free({ eps: 0.05, replays: 2 }), batchSize: 32 }
    const whole = await searched(options)
    const runDir = path('run')
    await interrupted(1, { ...options, runDir })
    await interrupted(3, { ...options, runDir, resume: true, device: two })
    await interrupted(4, { ...options, runDir, resume: true })
    expect(await searched({ ...options, runDir, resume: true, device: two })).toEqual(whole)
  })

  it('when stopped before its first step', async () => {
    const whole = await searched()
    const runDir = path('run')
    const signal = AbortSignal.abort()
    await expect(searchRST(small({ runDir, signal }))).rejects.toThrow(/Interrupted at step 0 of 6/)
    expect(await searched({ runDir, resume: true })).toEqual(whole)
  })

  it('and a finished run is not searched again', async () => {
    const runDir = path('run')
    const whole = await searched({ runDir })
    const onProgress = () => expect.unreachable('no step is left')
    expect(await searched({ runDir, resume: true, onProgress })).toEqual(whole)
  })

  it('but not with other settings or other images', async () => {
    const runDir = path('run')
    await interrupted(4, { runDir })
    await expect(searchRST(small({ runDir, resume: true, remainingRatio: 0.5 }))).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'remainingRatio' }),
    )
    const images = data.train.images.with(5, data.train.images[5] ^ 1)
    const other = { ...data, train: { ...data.train, images } }
    await expect(searchRST(small({ runDir, resume: true, data: other }))).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'images.trainedOn' }),
    )
    await expect(searchRST(small({ resume: true }))).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'runDir' }),
    )
  })
})

describe('a search', () => {
  it('learns: the loss falls, and the ticket beats a random mask, naturally and under attack', async () => {
    const inner = fgsmRs({ eps: 0.1 })
    const options = small({ inner, epochs: 10, batchSize: 32, width: 0.2, augment: false, device: two })
    const { ticket, history } = await searchRST({ ...options, lr: 1 })
    const random = await randomTicket(options)
    expect(history).toHaveLength(10)
    expect(history.map(({ step }) => step)).toEqual(Array.from({ length: 10 }, (_, i) => 3 * (i + 1)))
    expect(history.at(-1)!.loss).toBeLessThan(0.7 * history[0].loss)
    expect(history.at(-1)!.accuracy).toBeGreaterThan(history[0].accuracy)
    const attacks = [pgd({ eps: 0.1, steps: 10 })]
    const found = await evaluate(ticket, data.test, { attacks })
    const chance = await evaluate(random, data.test, { attacks })
    expect(found.naturalAccuracy).toBeGreaterThan(0.85)
    expect(found.attacks[0].robustAccuracy).toBeGreaterThan(0.5)
    expect(found.attacks[0].robustAccuracy).toBeGreaterThan(chance.attacks[0].robustAccuracy + 0.2)
    ticket.dispose()
    random.dispose()
  })

  it('never changes a weight: they are those of the seed', async () => {
    const { ticket } = await searchRST(small())
    const untouched = await randomTicket(small())
    for (const [i, layer] of ticket.network.convolutions.entries()) {
      expect(await layer.weight.data()).toEqual(await untouched.network.convolutions[i].weight.data())
    }
    ticket.dispose()
    untouched.dispose()
  })

  it.each(patterns)('keeps the ratio of each layer: %s', async pattern => {
    const { ticket } = await searchRST(small({ pattern, epochs: 1 }))
    for (const { mask } of ticket.network.convolutions) {
      const kept = (await mask!.data()).reduce((sum, bit) => sum + bit, 0)
      expect(kept).toBe(keepCount(mask!.size, 0.4))
    }
    ticket.dispose()
  })

  it('moves the running statistics in the inner attack too, unless that runs in eval mode', async () => {
    const statistics = async (attackBatchNorm: 'train' | 'eval') => {
      const inner = pgd({ eps: 0.05, steps: 5 })
      const { ticket } = await searchRST(small({ inner, attackBatchNorm, epochs: 1, batchSize: 96 }))
      const variance = await ticket.network.batchNorms[1].runningVar.data()
      ticket.dispose()
      return variance
    }
    // Each batch leaves 0.9 of the initial 1; the batch's own variance is far from 1.
    const [train, evaluated] = [await statistics('train'), await statistics('eval')]
    train.forEach((v, c) => {
      const batchTrain = (v - 0.9 ** 6) / (1 - 0.9 ** 6)
      const batchEval = (evaluated[c] - 0.9) / 0.1
      expect(batchTrain / batchEval).toBeGreaterThan(0.5)
      expect(batchTrain / batchEval).toBeLessThan(2)
    })
  })

  it('frees everything when its ticket is disposed, and when it is interrupted', async () => {
    const device = new Device({ threads: 1 })
    const { ticket } = await searchRST(small({ device, inner: free({ eps: 0.05 }) }))
    ticket.dispose()
    await device.synchronize()
    expect(device.memory().inUse).toBe(0)
    const controller = new AbortController()
    await expect(
      searchRST(small({ device, signal: controller.signal, onProgress: () => controller.abort() })),
    ).rejects.toThrow(AbortError)
    await device.synchronize()
    expect(device.memory().inUse).toBe(0)
  })

  it('of a model that does not fit in memory fails with OutOfMemoryError', async () => {
    const device = new Device({ threads: 1, memoryLimit: 300_000 })
    await expect(searchRST(small({ device }))).rejects.toThrow(
      expect.objectContaining({ name: 'OutOfMemoryError' }),
    )
  })
})

describe('a loss that is not finite', () => {
  it('stops the search with the step, and the earlier checkpoint stands', async () => {
    const runDir = path('run')
    const inner = pgd({ eps: 0.05, steps: 1 })
    let sessions = 0
    // From its fifth batch on, the attack gives images that are not numbers.
    const broken: InnerAttack = {
      ...inner,
      session: () => {
        const session = inner.session()
        return {
          async adversarial(model, batch) {
            if (++sessions < 5) return session.adversarial(model, batch)
            return tensor(new Float32Array(batch.images.size).fill(Number.NaN), batch.images.shape, {
              device: batch.images.device,
            })
          },
        }
      },
    }
    const run = searchRST(small({ inner: broken, runDir }))
    await expect(run).rejects.toThrow(DivergenceError)
    await expect(run).rejects.toThrow(expect.objectContaining({ step: 5 }))
    await expect(run).rejects.toThrow(/loss became NaN at step 5; lower the learning rate \(0.5\)/)
    // What remains is the checkpoint of the first epoch, and a healthy search continues from it.
    expect(await searched({ inner, runDir, resume: true })).toEqual(await searched({ inner }))
  })

  it('whose scores overflow while its loss stays finite stops at the end of the epoch', async () => {
    const run = searchRST(small({ lr: 1e6, weightDecay: 1e6, epochs: 4, schedule: { kind: 'constant' } }))
    await expect(run).rejects.toThrow(DivergenceError)
    await expect(run).rejects.toThrow(/scores holds values that are not finite after step \d+/)
  })
})

describe('bad options are a ConfigError that names the option:', () => {
  const cases: [string, Record<string, unknown>][] = [
    ['remainingRatio', { remainingRatio: 0 }],
    ['remainingRatio', { remainingRatio: 1.5 }],
    ['remainingRatio', { remainingRatio: Number.NaN }],
    ['remainingRatio', { remainingRatio: undefined }],
    ['arch', { arch: 'resnet19' }],
    ['arch', { arch: 'constructor' }],
    ['init', { init: 'kaiming' }],
    ['pattern', { pattern: 'column' }],
    ['threads', { threads: 0, device: 'auto' }],
    ['device', { device: 'cuda:first' }],
    ['width', { width: 0 }],
    ['width', { width: Number.NaN }],
    ['epochs', { epochs: 0 }],
    ['epochs', { epochs: 1.5 }],
    ['batchSize', { batchSize: 1 }],
    ['lr', { lr: -1 }],
    ['momentum', { momentum: 1.1 }],
    ['weightDecay', { weightDecay: -1 }],
    ['labelSmoothing', { labelSmoothing: 1 }],
    ['schedule', { schedule: { kind: 'linear' } }],
    ['warmupEpochs', { schedule: { kind: 'constant', warmupEpochs: 2 } }],
    ['seed', { seed: -1 }],
    ['seed', { seed: 0.5 }],
    ['weightSeed', { weightSeed: 2 ** 53 }],
    ['scoreSeed', { scoreSeed: '1' }],
    ['attackBatchNorm', { attackBatchNorm: 'test' }],
    ['limit', { limit: 0 }],
    ['limit', { limit: 97 }],
  ]
  it.each(cases)('%s %j', async (option, change) => {
    const run = searchRST(small(change))
    await expect(run).rejects.toThrow(ConfigError)
    await expect(run).rejects.toThrow(expect.objectContaining({ option }))
    await expect(run).rejects.toThrow(option)
  })
})

describe('a saved ticket', () => {
  let ticket: Ticket
  let file: string
  const pixels = Float32Array.from(data.test.images, v => v / 255)
  const logits = async (of: Ticket, device = one) => {
    using x = tensor(pixels, [data.test.size, 1, 8, 8], { device })
    using y = of.logits(x)
    return y.data()
  }
  beforeAll(async () => {
    ticket = (await searchRST(small())).ticket
    file = path('ticket.safetensors')
    await ticket.save(file)
  })
  afterAll(() => ticket.dispose())

  it('computes the same logits once loaded, on any number of threads', async () => {
    const expected = await logits(ticket)
    expect(new Set(expected).size).toBeGreaterThan(100)
    for (const device of [one, two]) {
      using loaded = await loadTicket(file, { device })
      expect(await logits(loaded, device)).toEqual(expected)
      expect(loaded.metadata).toEqual(ticket.metadata)
      expect(loaded.parameters).toEqual(ticket.parameters)
      expect(await bytesOf(loaded)).toEqual(await readFile(file))
    }
  })

  it.each(patterns)('of any pattern, as its clone: %s', async pattern => {
    const { ticket: found } = await searchRST(small({ pattern, epochs: 1 }))
    const saved = path('ticket.safetensors')
    await found.save(saved)
    using loaded = await loadTicket(saved, { device: one })
    using clone = await found.clone()
    expect(await logits(loaded)).toEqual(await logits(found))
    found.dispose()
    expect(await logits(clone)).toEqual(await logits(loaded))
  })

  it('predicts the class of the largest logit, with the softmax', async () => {
    const all = await logits(ticket)
    for (const image of [0, 1, 5]) {
      const row = [...all.subarray(4 * image, 4 * image + 4)]
      const { label, probabilities } = await ticket.predict(pixels.slice(64 * image, 64 * image + 64))
      expect(label).toBe(row.indexOf(Math.max(...row)))
      const total = row.reduce((sum, z) => sum + Math.exp(z), 0)
      row.forEach((z, k) => {
        expect(probabilities[k]).toBeCloseTo(Math.exp(z) / total, 5)
      })
    }
    await expect(ticket.predict(new Float32Array(63))).rejects.toThrow(/64 pixels.*\[1, 8, 8\].*63/)
  })

  it('keeps as many weights as its file has bits set', async () => {
    const { kept, total } = ticket.parameters
    const masks = await Promise.all(ticket.network.convolutions.map(({ mask }) => mask!.data()))
    expect(kept).toBe(masks.flatMap(m => [...m]).reduce((sum, bit) => sum + bit, 0))
    expect(total).toBe(ticket.network.weightCount)
  })

  it('of another architecture, or damaged, or missing, is refused', async () => {
    const bytes = await readFile(file)
    const written = async (content: Uint8Array) => {
      const changed = path('changed.safetensors')
      await writeFile(changed, content)
      return changed
    }
    const renamed = Buffer.from(bytes)
    renamed.write('conv4', bytes.indexOf('conv2'))
    await expect(loadTicket(await written(renamed))).rejects.toThrow(TicketError)
    const unknown = Buffer.from(bytes)
    unknown.write('conv9', bytes.indexOf('conv2'))
    await expect(loadTicket(await written(unknown))).rejects.toThrow(TicketError)
    await expect(loadTicket(await written(bytes.subarray(0, 100)))).rejects.toThrow(TicketError)
    await expect(loadTicket(await written(Buffer.from('no ticket')))).rejects.toThrow(TicketError)
    await expect(loadTicket(path('missing'))).rejects.toThrow(TicketError)
  })
})
