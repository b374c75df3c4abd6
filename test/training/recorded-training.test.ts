// Training steps that are replayed: the bits of those that run each time.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { fgsmRs, free, pgd } from '../../src/attacks/index.ts'
import { addon } from '../../src/native/addon.ts'
import { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import { trainDense } from '../../src/training/dense.ts'
import { finetune } from '../../src/training/finetune.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const device = new Device({ threads: 1 })
const data = stripes({ train: 40 })
// 40 images in batches of 16: the last of an epoch has 8.
const common = {
  arch: 'conv2',
  width: 0.05,
  data,
  device,
  epochs: 3,
  batchSize: 16,
  seed: 5,
  selectOn: 'last' as const,
  schedule: { kind: 'cosine' as const },
}
const inner = pgd({ eps: 0.1, steps: 3 })
const folder = mkdtempSync(join(tmpdir(), 'rst-recorded-'))

afterEach(() => vi.restoreAllMocks())
afterAll(() => rmSync(folder, { recursive: true }))

/** All that training changed. */
async function contents(network: Network): Promise<number[][]> {
  const tensors = [
    ...network.convolutions.flatMap(({ weight, scores, mask }) => [weight, scores, mask]),
    ...network.batchNorms.flatMap(({ runningMean, runningVar }) => [runningMean, runningVar]),
  ]
  const values: number[][] = []
  for (const t of tensors) if (t) values.push([...(await t.data())])
  return values
}

/** Under which no step is ever the repetition of another. */
function forbidReplays(): void {
  let step = 0
  vi.spyOn(Network.prototype, 'recordingKey', 'get').mockImplementation(() => `${step++}`)
}

async function bothWays<T>(run: () => Promise<T>): Promise<[T, T]> {
  const replays = vi.spyOn(addon(), 'replay')
  const recorded = await run()
  expect(replays.mock.calls.length).toBeGreaterThan(3)
  replays.mockClear()
  forbidReplays()
  const each = await run()
  expect(replays).not.toHaveBeenCalled()
  return [recorded, each]
}

describe('by replay, to the same bits', () => {
  it.each([
    ['pgd, statistics of the batch', { inner }],
    ['pgd, running statistics', { inner, attackBatchNorm: 'eval' as const }],
    ['pgd in L2 of those still right', { inner: pgd({ eps: 0.5, norm: 'l2', steps: 3, onlyCorrect: true }) }],
    ['fgsm-rs', { inner: fgsmRs({ eps: 0.1 }) }],
    ['free', { inner: free({ eps: 0.1, replays: 2 }) }],
    ['no attack, a mask of rows', { inner: null, pattern: 'row' as const }],
  ])('a search under %s', async (_, options) => {
    const [recorded, each] = await bothWays(async () => {
      const { ticket, history } = await searchRST({ ...common, remainingRatio: 0.3, ...options })
      const found = [await contents(ticket.network), history]
      ticket.dispose()
      return found
    })
    expect(recorded).toEqual(each)
  })

  it('dense training', async () => {
    const [recorded, each] = await bothWays(async () => {
      const { model, history } = await trainDense({ ...common, inner, labelSmoothing: 0.1 })
      const found = [await contents(model.network), history]
      model.dispose()
      return found
    })
    expect(recorded).toEqual(each)
  })

  it('fine-tuning of the kept weights', async () => {
    const { ticket } = await searchRST({ ...common, remainingRatio: 0.3, inner: null, epochs: 1 })
    const { arch: _, width: __, device: ___, ...rest } = common
    const [recorded, each] = await bothWays(async () => {
      const tuned = await finetune({ ...rest, ticket, inner })
      const found = [await contents(tuned.ticket.network), tuned.history]
      tuned.ticket.dispose()
      return found
    })
    expect(recorded).toEqual(each)
  })

  it('a run that is interrupted in the middle of an epoch and resumed', async () => {
    const whole = await searchRST({ ...common, remainingRatio: 0.3, inner })
    const controller = new AbortController()
    const runDir = join(folder, 'search')
    const options = { ...common, remainingRatio: 0.3, inner, runDir }
    const interrupted = searchRST({
      ...options,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 4) controller.abort()
      },
    })
    await expect(interrupted).rejects.toThrow('Interrupted at step')
    const resumed = await searchRST({ ...options, resume: true })
    expect(await contents(resumed.ticket.network)).toEqual(await contents(whole.ticket.network))
  })
})

it('the learning rate of the schedule reaches the replays', async () => {
  const set = vi.spyOn(addon(), 'setRecorded')
  const { model, history } = await trainDense({ ...common, inner: null })
  expect(set.mock.calls.map(([, op]) => op)).toContain('sgd_step')
  expect(new Set(history.map(({ lr }) => lr)).size).toBe(common.epochs)
  model.dispose()
})

it('a step by replay takes the memory of a step that runs', async () => {
  const own = new Device({ threads: 1 })
  const largest = async () => {
    let peak = 0
    const { ticket } = await searchRST({
      ...common,
      device: own,
      remainingRatio: 0.3,
      inner,
      onProgress: () => {
        peak = Math.max(peak, own.memory().peak)
        own.resetPeak()
      },
    })
    ticket.dispose()
    await own.synchronize()
    return peak
  }
  const replayed = await largest()
  forbidReplays()
  // Some blocks depend on how far the worker runs ahead.
  expect(replayed).toBeLessThan(1.25 * (await largest()))
  expect(own.memory().inUse).toBe(0)
  own.dispose()
})
