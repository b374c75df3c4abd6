// Evaluations that are interrupted and go on, and how many images they take at once.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import { autoAttack, cwL2, pgd } from '../../src/attacks/index.ts'
import { AbortError, ConfigError } from '../../src/errors.ts'
import { chooseBatchSize } from '../../src/evaluation/batch-size.ts'
import { type EvaluateOptions, type Evaluation, evaluate } from '../../src/evaluation/evaluate.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { linearClassifier } from '../attacks/linear-classifier.ts'

let runDir: string
beforeEach(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'rst-resume-'))
})
afterEach(() => rm(runDir, { recursive: true }))

const model = linearClassifier([1, -2, 0.5, 0.3], 0.2)
const size = 40
const split = {
  size,
  images: Uint8Array.from({ length: 4 * size }, (_, i) => (i * 73) % 256),
  labels: Int32Array.from({ length: size }, (_, n) => n % 2),
}
const attacks = [
  pgd({ eps: 0.03, steps: 5, restarts: 2 }),
  cwL2({ eps: 0.1, iterations: 20, searchSteps: 2 }),
  autoAttack({ eps: 0.03, version: 'custom', attacks: ['apgd-ce', 'square'], checks: false }),
]
const options: EvaluateOptions = { attacks, batchSize: 6, seed: 3 }

/** Without the seconds, which differ. */
const untimed = (report: Evaluation) =>
  JSON.parse(JSON.stringify(report, (key, value) => (key === 'seconds' ? 0 : value)))

/** The attack, stopping the evaluation when its run number `stopAt` of a batch is over. */
function interrupting(onBatch: () => void): Attack[] {
  return attacks.map(attack => ({
    ...attack,
    run: (of, images, labels, { journal, ...rest } = {}) =>
      attack.run(of, images, labels, {
        ...rest,
        journal: journal && {
          read: journal.read,
          async write(...entry) {
            await journal.write(...entry)
            onBatch()
          },
        },
      }),
  }))
}

it('one that is interrupted after any batch goes on to the same report', async () => {
  const whole = untimed(await evaluate(model, split, options))
  let batches = 0
  await evaluate(model, split, { ...options, attacks: interrupting(() => batches++), runDir })
  expect(batches).toBeGreaterThan(10)
  for (const stopAt of [1, 4, 7, batches - 1]) {
    const controller = new AbortController()
    let done = 0
    const stopping = interrupting(() => ++done === stopAt && controller.abort())
    const stopped = evaluate(model, split, {
      ...options,
      attacks: stopping,
      signal: controller.signal,
      runDir,
    })
    await expect(stopped).rejects.toThrow(AbortError)
    expect(await readdir(runDir)).toEqual(['evaluation-state'])
    let again = 0
    const resumed = await evaluate(model, split, {
      ...options,
      // That of the interrupted one is taken again.
      batchSize: undefined,
      attacks: interrupting(() => again++),
      runDir,
      resume: true,
    })
    expect(again).toBe(batches - stopAt)
    expect(untimed(resumed)).toEqual(whole)
    expect(await readdir(runDir)).toEqual([])
  }
})

it('one whose results cannot be written down can be resumed, and does nothing again', async () => {
  const failing = async () => {
    throw new Error('the disk is full')
  }
  await expect(evaluate(model, split, { ...options, runDir, onComplete: failing })).rejects.toThrow(
    'disk is full',
  )
  let again = 0
  const kept: Evaluation[] = []
  const resumed = await evaluate(model, split, {
    ...options,
    attacks: interrupting(() => again++),
    runDir,
    resume: true,
    onComplete: async report => void kept.push(report),
  })
  expect(again).toBe(0)
  expect(kept).toEqual([resumed])
  expect(await readdir(runDir)).toEqual([])
})

it('one has its folder for itself, and clears it of what killed processes left half written', async () => {
  const part = { ...options, attacks: attacks.slice(0, 1), runDir }
  let second: Promise<unknown> | undefined
  const during = async () => {
    second ??= evaluate(model, split, part)
    await expect(second).rejects.toMatchObject({ name: 'ConfigError', option: 'out' })
    throw new Error('stopped')
  }
  await expect(evaluate(model, split, { ...part, onComplete: during })).rejects.toThrow('stopped')
  const leftover = '.config.json.999999999-0123abcd.tmp'
  for (const path of [leftover, join('evaluation-state', leftover)])
    await writeFile(join(runDir, path), 'half')
  const look = async () => {
    for (const folder of [runDir, join(runDir, 'evaluation-state')]) {
      expect(await readdir(folder)).not.toContain(leftover)
    }
  }
  await evaluate(model, split, { ...part, resume: true, onComplete: look })
  expect(await readdir(runDir)).toEqual([])
})

describe('an interrupted evaluation', () => {
  const stop = async () => {
    const controller = new AbortController()
    const stopping = interrupting(() => controller.abort())
    const run = evaluate(model, split, { ...options, attacks: stopping, signal: controller.signal, runDir })
    await expect(run).rejects.toThrow(AbortError)
  }

  const others: [string, string, EvaluateOptions, typeof model, typeof split][] = [
    ['another seed', 'seed', { ...options, seed: 4 }, model, split],
    ['another batch size', 'batchSize', { ...options, batchSize: 7 }, model, split],
    ['other attacks', 'attacks', { ...options, attacks: [pgd({ eps: 0.1 })] }, model, split],
    ['another subset', 'images', { ...options, limit: 20 }, model, split],
    ['another model', 'model', options, linearClassifier([1, -2, 0.5, 0.2], 0.2), split],
    ['other images', 'data', options, model, { ...split, images: split.images.with(5, 9) }],
  ]
  it.each(others)('is not resumed with %s', async (_, option, given, other, images) => {
    await stop()
    const resumed = evaluate(other, images, { ...given, runDir, resume: true })
    await expect(resumed).rejects.toThrow(ConfigError)
    await expect(resumed).rejects.toMatchObject({ option: expect.stringContaining(option) })
  })

  it('is neither overwritten nor made up', async () => {
    const none = evaluate(model, split, { ...options, runDir, resume: true })
    await expect(none).rejects.toThrow(/holds no interrupted evaluation/)
    await stop()
    await expect(evaluate(model, split, { ...options, runDir })).rejects.toThrow(/continue it with --resume/)
    await expect(evaluate(model, split, { ...options, resume: true })).rejects.toMatchObject({
      option: 'runDir',
    })
  })
})

it('the batch size follows from the free memory unless given', async () => {
  const withLimit = (memoryLimit: number) => {
    const device = new Device({ threads: 1, memoryLimit })
    const weight = tensor(new Float32Array(2 * 3072), [2, 3072], { device })
    const wide = { device, numClasses: 2, inputShape: [3, 32, 32] as const }
    return {
      ...wide,
      logits: (x: Parameters<typeof ops.relu>[0]) => ops.linear(ops.reshape(ops.relu(x), [-1, 3072]), weight),
    }
  }
  const [little, more, plenty] = await Promise.all(
    [2 ** 22, 2 ** 23, 2 ** 30].map(limit => chooseBatchSize(withLimit(limit))),
  )
  expect(little % 16).toBe(0)
  expect(little).toBeGreaterThanOrEqual(16)
  expect(more).toBeGreaterThan(little)
  expect(plenty).toBe(256)
  expect(await chooseBatchSize(model)).toBe(256)
  expect(await chooseBatchSize(withLimit(2 ** 22), 1000)).toBe(1000)
})
