import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsmRs, pgd } from '../../src/attacks/index.ts'
import { AbortError, DivergenceError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { decodeSafetensors } from '../../src/files/safetensors.ts'
import type { DenseModel } from '../../src/saved/dense-model.ts'
import { Device } from '../../src/tensor/device.ts'
import { type DenseOptions, trainDense } from '../../src/training/dense.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes()
const device = new Device({ threads: 2 })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-dense-'))
})
afterAll(() => rm(folder, { recursive: true }))

const small = (options: Partial<DenseOptions> = {}): DenseOptions => ({
  arch: 'conv2',
  width: 0.1,
  data,
  inner: fgsmRs({ eps: 0.05 }),
  epochs: 2,
  batchSize: 32,
  lr: 0.05,
  seed: 3,
  device,
  ...options,
})

async function bytesOf(model: DenseModel, name: string): Promise<Buffer> {
  const file = join(folder, name)
  await model.save(file)
  return readFile(file)
}

describe('trainDense', () => {
  it('learns, naturally and against the attack, and its model can be evaluated on its own device', async () => {
    const attacks = [pgd({ eps: 0.1, steps: 10 })]
    const options = { epochs: 12, lr: 0.1, augment: false, selectOn: 'last' } as const
    const natural = await trainDense(small({ ...options, inner: null }))
    const robust = await trainDense(small({ ...options, inner: fgsmRs({ eps: 0.1 }) }))
    expect(natural.history.at(-1)!.loss).toBeLessThan(0.5 * natural.history[0].loss)
    const of = (model: DenseModel) => evaluate(model, data.test, { attacks })
    const [naturally, robustly] = [await of(natural.model), await of(robust.model)]
    expect(naturally.naturalAccuracy).toBeGreaterThan(0.9)
    expect(robustly.attacks[0].robustAccuracy).toBeGreaterThan(0.5)
    expect(robustly.attacks[0].robustAccuracy).toBeGreaterThan(naturally.attacks[0].robustAccuracy)
    natural.model.dispose()
    robust.model.dispose()
  })

  it('saves every weight and statistic, the same bytes for the same seed', async () => {
    const first = await trainDense(small())
    const bytes = await bytesOf(first.model, 'first')
    const { tensors, metadata } = decodeSafetensors(bytes, 'first')
    for (const { spec, weight } of first.model.network.convolutions) {
      const stored = tensors.get(`${spec.name}.weight`)!
      expect(stored.shape).toEqual(spec.weightShape)
      expect(stored.data).toEqual(await weight.data())
    }
    for (const { spec, runningVar } of first.model.network.batchNorms) {
      expect(tensors.get(`${spec.name}.running_var`)!.data).toEqual(await runningVar.data())
    }
    expect(metadata.format).toBe('rst-dense/1')
    expect(JSON.parse(metadata.recipe)).toMatchObject({ arch: 'conv2', seed: 3, init: 'kaiming-normal' })

    const again = await trainDense(small())
    expect(await bytesOf(again.model, 'again')).toEqual(bytes)
    const other = await trainDense(small({ seed: 4 }))
    expect((await bytesOf(other.model, 'other')).equals(bytes)).toBe(false)
    for (const { model } of [first, again, other]) model.dispose()
  })

  it('resumes to the same bytes', async () => {
    const runDir = join(folder, 'run')
    const whole = await trainDense(small())
    const controller = new AbortController()
    const run = trainDense(
      small({
        runDir,
        signal: controller.signal,
        onProgress: ({ step }) => step === 4 && controller.abort(),
      }),
    )
    await expect(run).rejects.toThrow(AbortError)
    const resumed = await trainDense(small({ runDir, resume: true }))
    expect(resumed.history).toEqual(whole.history)
    expect(await bytesOf(resumed.model, 'resumed')).toEqual(await bytesOf(whole.model, 'whole'))
    whole.model.dispose()
    resumed.model.dispose()
  })

  it('that diverges names the step and the learning rate', async () => {
    const run = trainDense(small({ lr: 1e6, weightDecay: 1, epochs: 30 }))
    await expect(run).rejects.toThrow(DivergenceError)
    await expect(run).rejects.toThrow(
      /loss became (NaN|Infinity) at step \d+; lower the learning rate \(1000000\)/,
    )
  })

  it('smooths labels when asked to', async () => {
    const first = async (labelSmoothing: number) => {
      const { model, history } = await trainDense(small({ labelSmoothing, epochs: 1, lr: 0, inner: null }))
      model.dispose()
      return history[0].loss
    }
    expect(await first(0.5)).not.toBeCloseTo(await first(0), 3)
  })

  it('augments unless told not to', async () => {
    const loss = async (augment: boolean) => {
      const { model, history } = await trainDense(small({ augment, epochs: 2, lr: 0, inner: null }))
      model.dispose()
      return history.map(record => record.loss)
    }
    const [plain, augmented] = [await loss(false), await loss(true)]
    expect(augmented).not.toEqual(plain)
    expect(augmented[0]).not.toBeCloseTo(augmented[1], 4)
  })

  it('trains on a seeded part of the images only', async () => {
    const { model, history } = await trainDense(small({ limit: 33, epochs: 1 }))
    expect(history[0].step).toBe(2)
    expect(model.metadata.recipe.trainImages).toBe(33)
    model.dispose()
  })
})
