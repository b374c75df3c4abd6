import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import { AbortError } from '../../src/errors.ts'
import type { Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import type { SearchOptions } from '../../src/training/options.ts'
import { resolveTraining } from '../../src/training/resolve.ts'
import { searchRST } from '../../src/training/search.ts'
import { isBetter, isCandidate } from '../../src/training/selection.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes()
const device = new Device({ threads: 1 })
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-selection-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The learning rate makes the accuracy jump about, so that the last epoch is not the best. */
const unsteady = (options: Partial<SearchOptions> = {}): SearchOptions => ({
  arch: 'conv2',
  width: 0.1,
  data,
  remainingRatio: 0.4,
  inner: fgsmRs({ eps: 0.05 }),
  epochs: 6,
  selectEvery: 1,
  validationImages: 16,
  batchSize: 20,
  lr: 0.5,
  schedule: { kind: 'constant' },
  seed: 7,
  device,
  ...options,
})

/** What the ticket computes with: masks and statistics. */
async function contents({ ticket }: { ticket: Ticket }) {
  const { masks, runningMean, runningVar } = await ticket.data()
  ticket.dispose()
  return { masks, runningMean, runningVar }
}

describe('the epoch whose ticket is returned', () => {
  it('is the first of best robust accuracy on the held-out images', async () => {
    let seed = 0
    let run = await searchRST(unsteady({ seed }))
    const chosenEpoch = () => {
      const robust = run.history.map(({ candidate }) => candidate!.robustAccuracy!)
      return robust.indexOf(Math.max(...robust))
    }
    // A search whose best epoch is neither the first nor the last.
    while (chosenEpoch() === 0 || chosenEpoch() === 5) {
      run.ticket.dispose()
      run = await searchRST(unsteady({ seed: ++seed }))
      expect(seed).toBeLessThan(40)
    }
    const chosen = chosenEpoch()
    // The schedule is constant, so a search that ends there took the same steps.
    const stopped = await searchRST(unsteady({ seed, epochs: chosen + 1 }))
    expect(stopped.history).toEqual(run.history.slice(0, chosen + 1))
    const last = await searchRST(unsteady({ seed, selectOn: 'last', validationImages: undefined }))
    const expected = await contents(stopped)
    expect(await contents(run)).toEqual(expected)
    expect(await contents(last)).not.toEqual(expected)
  })

  it('is the same after an interruption', async () => {
    const whole = await searchRST(unsteady())
    const runDir = join(folder, 'run')
    const abort = new AbortController()
    const interrupted = searchRST(
      unsteady({
        runDir,
        signal: abort.signal,
        onProgress: ({ step }) => step === 17 && abort.abort(),
      }),
    )
    await expect(interrupted).rejects.toThrow(AbortError)
    const resumed = await searchRST(unsteady({ runDir, resume: true }))
    expect(resumed.history).toEqual(whole.history)
    expect(await contents(resumed)).toEqual(await contents(whole))
  })

  it('is measured by natural accuracy in natural training', async () => {
    const { ticket, history } = await searchRST(unsteady({ inner: null, epochs: 2 }))
    expect(history[0].candidate).toEqual({ epoch: 0, naturalAccuracy: expect.any(Number) })
    ticket.dispose()
  })
})

describe('the images that choose it', () => {
  it('are held out of training, and nothing is with one candidate or the last epoch', async () => {
    const resolved = await resolveTraining(unsteady())
    expect(resolved.selection!.images.size).toBe(16)
    expect(resolved.images.size).toBe(data.train.size - 16)
    const heldOut = new Set(resolved.selection!.images.ids)
    expect([...resolved.images.ids!].some(id => heldOut.has(id))).toBe(false)
    for (const options of [{ epochs: 1 }, { epochs: 3, selectEvery: 3 }, { selectOn: 'last' as const }]) {
      const { images, selection } = await resolveTraining(
        unsteady({ validationImages: undefined, ...options }),
      )
      expect(selection).toBeNull()
      expect(images).toBe(data.train)
    }
  })

  it('are test images in paper mode only', async () => {
    const { images, selection } = await resolveTraining(unsteady({ selectOn: 'test' }))
    expect(images).toBe(data.train)
    const chosen = selection!.images
    expect(chosen.labels).toEqual(Int32Array.from(chosen.ids!, id => data.test.labels[id]))
  })

  it.each([
    ['selectOn', { selectOn: 'train' }],
    ['selectEvery', { selectEvery: 0 }],
    ['validationImages', { validationImages: 96 }],
    ['validationImages', { selectOn: 'last' }],
    ['limit', { limit: 1, validationImages: undefined }],
  ])('are refused as %s', async (option, options) => {
    const bad = searchRST(unsteady(options as Partial<SearchOptions>))
    await expect(bad).rejects.toThrow(expect.objectContaining({ name: 'ConfigError', option }))
  })
})

it('candidates are every third epoch and the last, and ties keep the earlier', () => {
  expect(Array.from({ length: 8 }, (_, epoch) => isCandidate(epoch, 8, 3))).toEqual(
    [2, 5, 7].reduce((flags, epoch) => flags.with(epoch, true), new Array(8).fill(false)),
  )
  const candidate = { epoch: 1, naturalAccuracy: 0.5, robustAccuracy: 0.3 }
  expect(isBetter(candidate, null)).toBe(true)
  expect(isBetter({ ...candidate, naturalAccuracy: 0.6 }, candidate)).toBe(false)
  expect(isBetter({ ...candidate, robustAccuracy: 0.4 }, candidate)).toBe(true)
})
