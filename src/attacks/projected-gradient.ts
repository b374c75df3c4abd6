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
  readonly labels: Tensor<'i32'>
  readonly sampleIds: Tensor<'i32'>
  readonly seed: number
  /** Epoch or restart. */
  readonly step: number
}

/** Maximises the cross-entropy; returns adversarial images that the caller owns. */
export async function projectedGradient(
  model: Classifier,
  { images, labels, sampleIds, seed, step }: GradientBatch,
  { threat, stepSize, steps, randomStart, onlyCorrect }: ProjectedGradient,
): Promise<Tensor> {
  let x = randomStart ? ops.randomStart(images, sampleIds, threat, { seed, step }) : ops.copy(images)
  for (let i = 0; i < steps; i++) {
    const previous = x
    x = scope(() => {
      const { value, gradients } = grad(() => {
        const logits = model.logits(previous)
        const loss = ops.crossEntropy(logits, labels)
        return onlyCorrect ? { loss, active: ops.correct(logits, labels) } : { loss }
      }, [previous])
      return ops.attackStep(previous, images, gradients[0]!, threat, stepSize, value.active)
    })
    previous.dispose()
    // The device has work queued; the event loop gets its turn.
    await setImmediate()
  }
  return x
}
