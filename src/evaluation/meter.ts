// Progress and time left of a whole evaluation, whose phases take very different times.
import { performance } from 'node:perf_hooks'

/** How far an evaluation is. */
export interface EvaluationProgress {
  /** 'natural', the attack's name, or what a ticket is attacked with. */
  phase: string
  /** Images done in this phase. */
  images: number
  /** Images of this phase. */
  total: number
  /** Share of the whole evaluation that is done, 0 to 1, estimated by the passes that each phase may take. */
  share: number
  /** Estimate for the whole evaluation; Infinity at its very beginning. */
  secondsLeft: number
}

export interface Phase {
  readonly name: string
  /** Passes through models, or whatever else compares the phases. */
  readonly work: number
}

export class EvaluationMeter {
  readonly #onProgress: ((progress: EvaluationProgress) => void) | undefined
  readonly #started = performance.now()
  #phases: readonly Phase[]

  constructor(phases: readonly Phase[], onProgress?: (progress: EvaluationProgress) => void) {
    this.#phases = phases
    this.#onProgress = onProgress
  }

  /** Corrects the work of the phases to come. */
  plan(phases: readonly Phase[]): void {
    this.#phases = phases
  }

  /** @param phase its number */
  report(phase: number, images: number, total: number): void {
    const workOf = (phases: readonly Phase[]) => phases.reduce((sum, { work }) => sum + work, 0)
    const { name, work } = this.#phases[phase]
    const done = workOf(this.#phases.slice(0, phase)) + (total > 0 ? (work * images) / total : work)
    const share = Math.min(1, done / workOf(this.#phases))
    const seconds = (performance.now() - this.#started) / 1000
    const secondsLeft = share > 0 ? (seconds * (1 - share)) / share : Number.POSITIVE_INFINITY
    this.#onProgress?.({ phase: name, images, total, share, secondsLeft })
  }
}
