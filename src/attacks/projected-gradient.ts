// The loop that FGSM, FGSM-RS and PGD share: steps along the loss gradient, projected into the threat model.
import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../errors.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { grad, vjp } from '../tensor/tape.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { Classifier } from './classifier.ts'
import { losses, topClass, type UntargetedLoss } from './losses.ts'
import { row } from './oracle.ts'
import type { ThreatModel } from './threat-model.ts'

export interface ProjectedGradient {
  /** What is maximised. */
  readonly loss: UntargetedLoss
  readonly threat: ThreatModel
  readonly stepSize: number
  readonly steps: number
  /** Start at a random point of the ball instead of the image itself. */
  readonly randomStart: boolean
  /** Move only the samples that are still classified right. */
  readonly onlyCorrect: boolean
}

/** What one run of the loop works on, and the stream of its random start. */
export interface GradientBatch {
  readonly images: Tensor
  readonly sampleIds: Tensor<'i32'>
  readonly seed: number
  /** Epoch or restart. */
  readonly step: number
  readonly signal?: AbortSignal
}

/** Where a step goes: the gradient [N, C, H, W], and, where given, 1 for the samples that move [N]. */
interface Ascent {
  readonly gradient: Tensor
  readonly active?: Tensor
}

/**
 * Maximises the loss; returns adversarial images that the caller owns.
 * @throws AbortError
 */
export function projectedGradient(
  model: Classifier,
  batch: GradientBatch & { readonly labels: Tensor<'i32'> },
  settings: ProjectedGradient,
): Promise<Tensor> {
  const { labels } = batch
  const { loss, onlyCorrect } = settings
  const crossEntropyAt = (x: Tensor): Ascent =>
    scope(() => {
      const { value, gradients } = grad(() => {
        const logits = model.logits(x)
        const values = ops.crossEntropy(logits, labels)
        return onlyCorrect ? { loss: values, active: ops.correct(logits, labels) } : { loss: values }
      }, [x])
      return { gradient: gradients[0]!, active: value.active }
    })
  const gradientAt =
    loss === 'ce' ? crossEntropyAt : (x: Tensor) => ascentOf(loss, model, x, labels, onlyCorrect)
  return projectedAscent(gradientAt, batch, settings)
}

/** The ascent of a loss that is computed in host memory, from the logits. */
async function ascentOf(
  loss: UntargetedLoss,
  model: Classifier,
  x: Tensor,
  labels: Tensor<'i32'>,
  onlyCorrect: boolean,
): Promise<Ascent> {
  const { value, pull, dispose } = vjp(() => model.logits(x), [x])
  try {
    const [logits, theirLabels] = [await value.data(), await labels.data()]
    const classes = model.numClasses
    const cotangents = new Float32Array(logits.length)
    const cotangent = new Float64Array(classes)
    const right = new Float32Array(theirLabels.length)
    for (const [n, label] of theirLabels.entries()) {
      const own = row(logits, n, classes)
      losses[loss](own, label, cotangent.fill(0), -1)
      cotangents.set(cotangent, n * classes)
      right[n] = topClass(own) === label ? 1 : 0
    }
    const { device } = x
    return scope(() => ({
      gradient: pull(tensor(cotangents, value.shape, { device }))[0]!,
      active: onlyCorrect ? tensor(right, [right.length], { device }) : undefined,
    }))
  } finally {
    dispose()
  }
}

/**
 * Steps along the gradient of whatever loss `gradientAt` differentiates; it hands over the tensors it returns. Returns
 * images that the caller owns.
 * @throws AbortError
 */
export async function projectedAscent(
  gradientAt: (x: Tensor) => Ascent | Promise<Ascent>,
  { images, sampleIds, seed, step, signal }: GradientBatch,
  { threat, stepSize, steps, randomStart }: Omit<ProjectedGradient, 'loss' | 'onlyCorrect'>,
): Promise<Tensor> {
  let x = randomStart ? ops.randomStart(images, sampleIds, threat, { seed, step }) : ops.copy(images)
  for (let i = 0; i < steps; i++) {
    using previous = x
    if (signal?.aborted) throw new AbortError('The attack was interrupted.', { cause: signal.reason })
    const { gradient, active } = await gradientAt(previous)
    x = ops.attackStep(previous, images, gradient, threat, stepSize, active)
    gradient.dispose()
    active?.dispose()
    // The device has work queued; the event loop gets its turn.
    await setImmediate()
  }
  return x
}
