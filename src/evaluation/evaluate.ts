// Accuracy of a model, natural and under attack, where each adversarial image is verified before it counts.
import type { Attack, Warning } from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import { row } from '../attacks/oracle.ts'
import { insideThreat, type Norm, threatModel } from '../attacks/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { subset } from '../data/subset.ts'
import { AbortError, ConfigError } from '../errors.ts'
import { Device } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'

export interface EvaluateOptions {
  /** Default: none, only natural accuracy. */
  attacks?: readonly Attack[]
  /** Evaluate a subset of this many images, chosen by seed. Default: all. */
  limit?: number
  /** Seeds the subset and the attacks. Default 0. */
  seed?: number
  /** Default 256. */
  batchSize?: number
  signal?: AbortSignal
  onProgress?: (progress: EvaluationProgress) => void
}

export interface EvaluationProgress {
  /** 'natural' or the attack's name. */
  phase: string
  /** Images done in this phase. */
  images: number
  total: number
}

export interface AttackReport {
  readonly name: string
  readonly eps: number
  readonly norm: Norm
  /** Share of all images classified right naturally and under attack. */
  readonly robustAccuracy: number
  readonly forwards: number
  readonly backwards: number
  readonly warnings: readonly Warning[]
}

export interface Evaluation {
  readonly images: number
  readonly naturalAccuracy: number
  readonly attacks: readonly AttackReport[]
}

/**
 * Images that the model gets wrong naturally count as not robust and are not attacked.
 * @param model in eval mode, as tickets and dense models are
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 */
export async function evaluate(
  model: Classifier,
  split: Split,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { attacks = [], limit, seed = 0, batchSize = 256, signal, onProgress } = options
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new ConfigError(`Expected a batchSize of at least 1 but received ${batchSize}.`, 'batchSize')
  }
  const { images, labels, size, ids } = limit === undefined ? split : await subset(split, limit, seed)
  const imageSize = model.inputShape.reduce((product, d) => product * d, 1)
  if (images.length !== size * imageSize) {
    throw new ConfigError(
      `Expected images of [${model.inputShape.join(', ')}] but the data set has ${images.length / size} values an image.`,
      'data',
    )
  }
  const device = (model as { device?: Device }).device ?? Device.default
  const isRight = (pixels: Float32Array<ArrayBuffer>, of: Int32Array) =>
    rightlyClassified(model, pixels, of, device)
  const batches = Array.from({ length: Math.ceil(size / batchSize) }, (_, i) => [
    i * batchSize,
    Math.min(size, (i + 1) * batchSize),
  ])
  const pixelsOf = (chosen: ArrayLike<number>) => {
    const pixels = new Float32Array(chosen.length * imageSize)
    for (let i = 0; i < chosen.length; i++) {
      for (let j = 0; j < imageSize; j++) pixels[i * imageSize + j] = images[chosen[i] * imageSize + j] / 255
    }
    return pixels
  }
  const checkAborted = () => {
    if (signal?.aborted) throw new AbortError('The evaluation was interrupted.', { cause: signal.reason })
  }

  const right = new Uint8Array(size)
  for (const [from, to] of batches) {
    checkAborted()
    const chosen = Int32Array.from({ length: to - from }, (_, i) => from + i)
    right.set(await isRight(pixelsOf(chosen), labels.subarray(from, to)), from)
    onProgress?.({ phase: 'natural', images: to, total: size })
  }
  const naturalAccuracy = count(right) / size

  const reports: AttackReport[] = []
  for (const attack of attacks) {
    const totals = { robust: 0, forwards: 0, backwards: 0, refused: 0 }
    const warnings = new Map<string, Warning>()
    for (const [from, to] of batches) {
      checkAborted()
      const chosen = Int32Array.from({ length: to - from }, (_, i) => from + i).filter(i => right[i] === 1)
      if (chosen.length > 0) {
        const natural = pixelsOf(chosen)
        const theirLabels = Int32Array.from(chosen, i => labels[i])
        const result = await attack.run(model, natural, theirLabels, {
          seed,
          batchSize,
          sampleIds: chosen.map(i => ids?.[i] ?? i),
          signal,
        })
        const valid = Array.from(chosen, (_, i) =>
          insideThreat(
            row(natural, i, imageSize),
            row(result.adversarial, i, imageSize),
            threatModel({ eps: attack.eps, norm: attack.norm, anyDistance: true }),
          ),
        )
        const stillRight = await isRight(result.adversarial, theirLabels)
        totals.robust += chosen.filter((_, i) => stillRight[i] === 1 || !valid[i]).length
        totals.refused += valid.filter(ok => !ok).length
        totals.forwards += result.forwards + chosen.length
        totals.backwards += result.backwards
        for (const warning of result.warnings) warnings.set(warning.code, warning)
      }
      onProgress?.({ phase: attack.name, images: to, total: size })
    }
    if (totals.refused > 0) {
      warnings.set('outside-threat-model', {
        code: 'outside-threat-model',
        message: `${totals.refused} images of ${attack.name} left the ${attack.norm} ball of ${attack.eps} or the box and were counted as robust; the attack has a fault.`,
      })
    }
    const { name, eps, norm } = attack
    const { robust, forwards, backwards } = totals
    reports.push({
      name,
      eps,
      norm,
      robustAccuracy: robust / size,
      forwards,
      backwards,
      warnings: [...warnings.values()],
    })
  }
  return { images: size, naturalAccuracy, attacks: reports }
}

const count = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0)

/** 1 where the model's prediction is the label, [N]. */
async function rightlyClassified(
  model: Classifier,
  pixels: Float32Array<ArrayBuffer>,
  labels: Int32Array,
  device: Device,
): Promise<Uint8Array> {
  using correct = scope(() =>
    ops.correct(
      model.logits(tensor(pixels, [labels.length, ...model.inputShape], { device })),
      tensor(labels, [labels.length], { dtype: 'i32', device }),
    ),
  )
  return Uint8Array.from(await correct.data())
}
