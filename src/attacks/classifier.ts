// The one interface through which an attack sees a model.
import type { Tensor } from '../tensor/tensor.ts'

/** What a model is, as reports say it. */
export interface ModelIdentity {
  /** Such as 'ticket' or 'dense model'. */
  readonly kind: string
  /** Where it was loaded from or saved to. */
  readonly file?: string
  /** SHA-256, hexadecimal, of all that its answers depend on: architecture, masks, statistics, and weights or their seed. */
  readonly hash: string
  readonly arch: string
  readonly width: number
  /** Of a ticket: share of mask entries kept in each layer. */
  readonly remainingRatio?: number
}

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
  /** What it is, for reports. Default: they tell it by its answers. */
  identity?(): Promise<ModelIdentity>
  /** [N, C, H, W] in [0, 1] → [N, numClasses], differentiable on the tape. */
  logits(x: Tensor): Tensor
}
