// Speed and time left of a training run.
import { performance } from 'node:perf_hooks'
import type { TrainingProgress } from './options.ts'
import type { ResolvedTraining } from './resolve.ts'

type StepReport = Pick<TrainingProgress, 'epoch' | 'step' | 'loss' | 'accuracy' | 'lr'> & { images: number }

/** How fast an epoch was trained, as far as this process did; without the measurement of its candidate. */
export interface EpochSpeed {
  readonly seconds: number
  readonly imagesPerSecond: number
}

export class ProgressMeter {
  readonly #training: ResolvedTraining
  readonly #firstStep: number
  readonly #steps: number
  readonly #started = performance.now()
  #images = 0
  #epoch = { began: this.#started, images: 0 }

  constructor(training: ResolvedTraining, firstStep: number, steps: number) {
    this.#training = training
    this.#firstStep = firstStep
    this.#steps = steps
  }

  report({ images, ...step }: StepReport): void {
    this.#images += images
    this.#epoch.images += images
    const seconds = (performance.now() - this.#started) / 1000
    const stepsDone = step.step - this.#firstStep
    this.#training.onProgress?.({
      ...step,
      steps: this.#steps,
      epochs: this.#training.epochs,
      imagesPerSecond: this.#images / seconds,
      secondsLeft: (seconds / stepsDone) * (this.#steps - step.step),
    })
  }

  beginEpoch(): void {
    this.#epoch = { began: performance.now(), images: 0 }
  }

  /** Since beginEpoch, or since the meter was made. */
  epochSpeed(): EpochSpeed {
    const seconds = (performance.now() - this.#epoch.began) / 1000
    return { seconds, imagesPerSecond: this.#epoch.images / seconds }
  }
}
