// The options of a search and of every training, as users write them, and what they are told.
import type { OptionsOf } from '../inputs/rows.ts'
import type { searchRows, trainingRows } from './option-rows.ts'

export type TrainingOptions = OptionsOf<typeof trainingRows>

export type SearchOptions = OptionsOf<typeof searchRows>

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
