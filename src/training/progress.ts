// What a training tells while it runs.

/** Told after each step. */
export interface TrainingProgress {
  epoch: number
  epochs: number
  step: number
  steps: number
  /** Mean adversarial training loss of the step. */
  loss: number
  /** Share of the step's (attacked) images classified right. */
  accuracy: number
  lr: number
  imagesPerSecond: number
  /** Estimated, of the whole run. */
  secondsLeft: number
}
