// A run that was stopped and resumed, wherever that was, ends in the bits of the run that never stopped.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsmRs, free, pgd } from '../../src/attacks/index.ts'
import { AbortError } from '../../src/errors.ts'
import type { Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { trainDense } from '../../src/training/dense.ts'
import { finetune } from '../../src/training/finetune.ts'
import type { TrainingOptions } from '../../src/training/options.ts'
import { randomTicket, searchRST } from '../../src/training/search.ts'
import type { EpochRecord } from '../../src/training/training-state.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes({ train: 48, test: 16 })
const one = new Device({ threads: 1 })
const two = new Device({ threads: 2 })
const network = { arch: 'conv2', width: 0.1 }
const steps = 8

let folder: string
let ticket: Ticket
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-resume-'))
  ticket = await randomTicket({ ...network, data, remainingRatio: 0.4, epochs: 1, device: one })
})
afterAll(async () => {
  ticket.dispose()
  await rm(folder, { recursive: true })
})

let names = 0
const newPath = () => join(folder, String(++names))

/** Four epochs of two batches of 20 and 16 images, each epoch a candidate, at a rate that makes accuracies jump. */
const recipe = (options: Partial<TrainingOptions>) => ({
  data,
  inner: fgsmRs({ eps: 0.03 }),
  epochs: 4,
  selectEvery: 1,
  validationImages: 12,
  batchSize: 18,
  lr: 0.5,
  schedule: { kind: 'constant' } as const,
  device: one,
  ...options,
})

interface Ended {
  bytes: Buffer
  history: EpochRecord[]
}

async function saved(
  model: { save(path: string): Promise<void>; dispose(): void },
  history: EpochRecord[],
): Promise<Ended> {
  const path = newPath()
  await model.save(path)
  model.dispose()
  return { bytes: await readFile(path), history }
}

const commands: Record<string, (options: Partial<TrainingOptions>) => Promise<Ended>> = {
  async search(options) {
    const run = await searchRST({ ...network, remainingRatio: 0.4, ...recipe(options) })
    return saved(run.ticket, run.history)
  },
  async train(options) {
    const run = await trainDense({ ...network, ...recipe({ lr: 0.1, ...options }) })
    return saved(run.model, run.history)
  },
  async finetune(options) {
    const { device: _, ...rest } = recipe({ lr: 0.2, ...options })
    const run = await finetune({ ticket, ...rest })
    return saved(run.ticket, run.history)
  },
}

/** Fires once it has been looked at `count` times. */
function signalAt(count: number) {
  const signal = {
    looks: 0,
    get aborted() {
      return ++signal.looks > count
    },
    addEventListener() {},
    removeEventListener() {},
  }
  return signal as unknown as AbortSignal & { readonly looks: number }
}

type Command = (options: Partial<TrainingOptions>) => Promise<Ended>

async function stop(command: Command, options: Partial<TrainingOptions>, step: number): Promise<void> {
  const controller = new AbortController()
  const onProgress = (progress: { step: number }) => progress.step === step && controller.abort()
  const run = command({ ...options, signal: controller.signal, onProgress })
  await expect(run).rejects.toThrow(AbortError)
}

const bestEpoch = ({ history }: Ended) => {
  const robust = history.map(({ candidate }) => candidate!.robustAccuracy!)
  return robust.indexOf(Math.max(...robust))
}

describe.each(Object.entries(commands))('%s, stopped and resumed, ends as if never stopped:', (name, run) => {
  let whole: Ended
  let seed = 0
  const command: Command = options => run({ seed, ...options })
  beforeAll(async () => {
    // A run whose best candidate is neither the first nor the last: with another, the tests would prove less.
    for (; seed < 40; seed++) {
      whole = await command({})
      if (bestEpoch(whole) > 0 && bestEpoch(whole) < whole.history.length - 1) return
    }
    expect.unreachable('no run has its best candidate in the middle')
  })

  it('after each of its steps', async () => {
    for (let step = 1; step <= steps; step++) {
      const runDir = newPath()
      await stop(command, { runDir }, step)
      expect(await command({ runDir, resume: true }), `stopped after step ${step}`).toEqual(whole)
    }
  })

  it('at any point where the signal is looked at, also while a candidate is measured', async () => {
    const counting = signalAt(Number.POSITIVE_INFINITY)
    await command({ signal: counting })
    const { looks } = counting
    // Beside the steps, each candidate looks a good many times.
    expect(looks).toBeGreaterThan(steps + 4 * 20)
    for (let at = 1; at < looks; at += 29) {
      const runDir = newPath()
      await expect(command({ runDir, signal: signalAt(at) }), `look ${at}`).rejects.toThrow(AbortError)
      expect(await command({ runDir, resume: true }), `look ${at}`).toEqual(whole)
    }
  })

  it('twice interrupted', async () => {
    const runDir = newPath()
    await stop(command, { runDir }, 3)
    await stop(command, { runDir, resume: true }, 6)
    expect(await command({ runDir, resume: true })).toEqual(whole)
  })

  it('with checkpoints between all steps', async () => {
    const runDir = newPath()
    await stop(command, { runDir, checkpointMinutes: 1e-9 }, 5)
    expect(await readdir(join(runDir, 'checkpoints'))).toEqual(
      expect.arrayContaining(['step-00000004.safetensors', 'step-00000005.safetensors']),
    )
    expect(await command({ runDir, resume: true, checkpointMinutes: 0 })).toEqual(whole)
  })

  if (name === 'finetune') return

  it('with other threads, and with the attacks that carry something along', async () => {
    const variants: Partial<TrainingOptions>[] = [
      { inner: free({ eps: 0.03, replays: 2 }) },
      { inner: pgd({ eps: 0.03, steps: 2 }) },
      { inner: null },
      { selectOn: 'test' },
      { limit: 40, selectEvery: 3 },
    ]
    for (const options of variants) {
      const expected = await command(options)
      for (const step of [1, 4]) {
        const runDir = newPath()
        await stop(command, { ...options, runDir }, step)
        await stop(command, { ...options, runDir, resume: true, device: two }, Math.max(step + 1, 7))
        expect(await command({ ...options, runDir, resume: true, device: two })).toEqual(expected)
      }
    }
  })
})
