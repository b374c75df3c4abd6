// The one interface through which an attack sees a model.
import type { Tensor } from '../tensor/tensor.ts'

/** Anything from images to logits: a dense network, a ticket, a user's own function. */
export interface Classifier {
  readonly numClasses: number
  readonly inputShape: readonly [channels: number, height: number, width: number]
  /**
   * Whether `logits` may answer the same images differently from call to call, as a random switch does. An attack whose
   * verdict rests on single answers (AutoAttack `standard`) must refuse such a model: pin one ticket, or compute the
   * exact expectation with `evaluateR2S`. Default false.
   */
  readonly randomized?: boolean
  /** [N, C, H, W] in [0, 1] → [N, numClasses], differentiable on the tape. */
  logits(x: Tensor): Tensor
}
