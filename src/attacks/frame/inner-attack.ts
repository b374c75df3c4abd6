// What a search needs of an attack: adversarial images for one training batch after another.

import type { Classifier } from '../../nn/classifier.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AttackSettings } from './attack.ts'

export interface InnerAttackBatch {
  /** [N, C, H, W] in [0, 1] */
  readonly images: Tensor
  readonly labels: Tensor<'i32'>
  /** Numbers of the images in their data set, which key the random draws with seed and epoch. */
  readonly sampleIds: Tensor<'i32'>
  readonly seed: number
  readonly epoch: number
}

export interface InnerAttack {
  readonly name: string
  /** All settings, as they are written to run folders and tickets. */
  readonly settings: AttackSettings
  /** Optimiser steps taken on each batch: 1, or the replays of free adversarial training. */
  readonly replays: number
  session(): InnerAttackSession
}

/** The attack through one training run. */
export interface InnerAttackSession {
  /** The images to train on; the caller owns them. Differentiates the model's loss as often as the attack needs. */
  adversarial(model: Classifier, batch: InnerAttackBatch): Promise<Tensor>
  /** Where present, each optimiser step reports the gradient of its loss to the images it trained on. */
  update?(gradient: Tensor): void
  /** What the next batch depends on, for checkpoints; null at the start. The session owns it. */
  state?: Tensor | null
  /** Lets go of what it keeps from batch to batch, but for the state. */
  dispose?(): void
}
