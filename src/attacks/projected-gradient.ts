// The loop that FGSM, FGSM-RS and PGD share: steps along the loss gradient, projected into the threat model.
import { setImmediate } from 'node:timers/promises'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { grad } from '../tensor/tape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Classifier } from './classifier.ts'
import type { ThreatModel } from './threat-model.ts'

export interface ProjectedGradient {
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
}

/** Where a step goes: the gradient [N, C, H, W], and, where given, 1 for the samples that move [N]. */
interface Ascent {
  readonly gradient: Tensor
  readonly active?: Tensor
}

/** Maximises the cross-entropy; returns adversarial images that the caller owns. */
export function projectedGradient(
  model: Classifier,
  batch: GradientBatch & { readonly labels: Tensor<'i32'> },
  settings: ProjectedGradient,
): Promise<Tensor> {
  const { labels } = batch
  const gradientAt = (x: Tensor): Ascent =>
    scope(() => {
      const { value, gradients } = grad(() => {
        const logits = model.logits(x)
        const loss = ops.crossEntropy(logits, labels)
        return settings.onlyCorrect ? { loss, active: ops.correct(logits, labels) } : { loss }
      }, [x])
      return { gradient: gradients[0]!, active: value.active }
    })
  return projectedAscent(gradientAt, batch, settings)
}

/**
 * Steps along the gradient of whatever loss `gradientAt` differentiates; it hands over the tensors it returns. Returns
 * images that the caller owns.
 */
export async function projectedAscent(
  gradientAt: (x: Tensor) => Ascent | Promise<Ascent>,
  { images, sampleIds, seed, step }: GradientBatch,
  { threat, stepSize, steps, randomStart }: Omit<ProjectedGradient, 'onlyCorrect'>,
): Promise<Tensor> {
  let x = randomStart ? ops.randomStart(images, sampleIds, threat, { seed, step }) : ops.copy(images)
  for (let i = 0; i < steps; i++) {
    using previous = x
    const { gradient, active } = await gradientAt(previous)
    x = ops.attackStep(previous, images, gradient, threat, stepSize, active)
    gradient.dispose()
    active?.dispose()
    // The device has work queued; the event loop gets its turn.
    await setImmediate()
  }
  return x
}
