// The one interface through which an attack sees a model.
import type { Tensor } from '../tensor/tensor.ts'

/** Anything from images to logits: a dense network, a ticket, a user's own function. */
export interface Classifier {
  readonly numClasses: number
  readonly inputShape: readonly [channels: number, height: number, width: number]
  /** [N, C, H, W] in [0, 1] → [N, numClasses], differentiable on the tape. */
  logits(x: Tensor): Tensor
}
