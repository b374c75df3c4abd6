// What a training tells while it runs.

/** Told after each step. */
export interface TrainingProgress {
  /** From 0. */
  epoch: number
  /** How many there will be. */
  epochs: number
  /** Optimiser steps since the start of the run, from 1. */
  step: number
  /** How many there will be. */
  steps: number
  /** Mean adversarial training loss of the step. */
  loss: number
  /** Share of the step's (attacked) images classified right. */
  accuracy: number
  /** Learning rate of the step. */
  lr: number
  /** Mean since this process began to train. */
  imagesPerSecond: number
  /** Estimated, of the whole training. */
  secondsLeft: number
}
