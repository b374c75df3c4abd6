// What a search needs of an attack: adversarial images for one training batch after another.

import type { Classifier } from '../../nn/classifier.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AttackSettings } from './attack.ts'

/** A training batch, as an inner attack is given it. */
export interface InnerAttackBatch {
  /** [N, C, H, W] in [0, 1]. */
  readonly images: Tensor
  /** Their classes, [N]. */
  readonly labels: Tensor<'i32'>
  /** Numbers of the images in their data set, [N], which key the random draws with seed and epoch. */
  readonly sampleIds: Tensor<'i32'>
  /** Of the training. */
  readonly seed: number
  /** From 0. */
  readonly epoch: number
}

/** An attack that a search or training trains against. */
export interface InnerAttack {
  /** Its name with its main settings: 'pgd-7'. */
  readonly name: string
  /** All settings, as they are written to run folders and tickets. */
  readonly settings: AttackSettings
  /** Optimiser steps taken on each batch: 1, or the replays of free adversarial training. */
  readonly replays: number
  /** Begins a training run; what the attack keeps from batch to batch is the session's. */
  session(): InnerAttackSession
}

/** The attack through one training run. */
export interface InnerAttackSession {
  /**
   * The images to train on; the caller owns them. Differentiates the model's loss as often as the attack needs.
   * @param model what is trained, as it is at this step
   * @param batch images and labels, and what keys random draws
   */
  adversarial(model: Classifier, batch: InnerAttackBatch): Promise<Tensor>
  /** Where present, each optimiser step reports the gradient of its loss to the images it trained on, [N, C, H, W]. */
  update?(gradient: Tensor): void
  /** What the next batch depends on, for checkpoints; null at the start. The session owns it. */
  state?: Tensor | null
  /** Lets go of what it keeps from batch to batch, but for the state. */
  dispose?(): void
}
