// Speed and time left of a training run.
import { performance } from 'node:perf_hooks'
import type { TrainingProgress } from './options.ts'
import type { ResolvedTraining } from './resolve.ts'

type StepReport = Pick<TrainingProgress, 'epoch' | 'step' | 'loss' | 'accuracy' | 'lr'> & { images: number }

export class ProgressMeter {
  readonly #training: ResolvedTraining
  readonly #firstStep: number
  readonly #steps: number
  readonly #started = performance.now()
  #images = 0

  constructor(training: ResolvedTraining, firstStep: number, steps: number) {
    this.#training = training
    this.#firstStep = firstStep
    this.#steps = steps
  }

  report({ images, ...step }: StepReport): void {
    this.#images += images
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
}
