// Progress on standard error: one line that is drawn over on a terminal, a plain line now and then otherwise.

import type { EvaluationProgress } from '../evaluation/meter.ts'
import type { TrainingProgress } from '../search/options.ts'
import { formatCount, formatDuration, formatPercent } from './format.ts'
import type { Terminal } from './terminal.ts'

const redrawMilliseconds = 100
const lineMilliseconds = 10_000
const barCells = 20

export class ProgressDisplay {
  readonly #terminal: Terminal
  readonly #label: string
  #last: number | undefined
  #unshown: string | undefined
  #drawn = false

  /** @param label what is going on, such as 'search' */
  constructor(terminal: Terminal, label: string) {
    this.#terminal = terminal
    this.#label = label
  }

  /** @param share of the work done, 0 to 1 */
  update(share: number, details: readonly string[]): void {
    const bar = this.#terminal.canRedraw
    const percent = formatPercent(share).padStart(7)
    const text = [`${this.#label} ${bar ? `${drawBar(share)} ` : ''}${percent}`, ...details].join('  ')
    const now = this.#terminal.io.now()
    const pause = bar ? redrawMilliseconds : lineMilliseconds
    if (this.#last !== undefined && now - this.#last < pause) {
      this.#unshown = text
      return
    }
    this.#last = now
    this.#unshown = undefined
    this.#show(text)
  }

  /** Shows the last state and ends the line. */
  finish(): void {
    if (this.#unshown !== undefined) this.#show(this.#unshown)
    this.#unshown = undefined
    if (this.#drawn) this.#terminal.log('')
    this.#drawn = false
  }

  #show(text: string): void {
    if (!this.#terminal.canRedraw) {
      this.#terminal.log(text)
      return
    }
    this.#terminal.redraw(this.#terminal.accent(text.slice(0, this.#terminal.columns - 1)))
    this.#drawn = true
  }
}

/** Tells `display` of each step of a training. */
export function showTraining(display: ProgressDisplay): (progress: TrainingProgress) => void {
  return ({ step, steps, epochs, loss, accuracy, imagesPerSecond, secondsLeft }) => {
    const epoch = Math.min(epochs, Math.floor(((step - 1) / steps) * epochs) + 1)
    display.update(step / steps, [
      `epoch ${epoch}/${epochs}`,
      `step ${formatCount(step)}/${formatCount(steps)}`,
      `loss ${loss.toFixed(3)}`,
      `accuracy ${formatPercent(accuracy)}`,
      `${formatCount(imagesPerSecond)} images/s`,
      `${formatDuration(secondsLeft)} left`,
    ])
  }
}

/** Tells `display` of an evaluation, whose phases are the natural images and each attack. */
export function showEvaluation(display: ProgressDisplay): (progress: EvaluationProgress) => void {
  return ({ phase, images, total, share, secondsLeft }) =>
    display.update(share, [
      phase,
      `${formatCount(images)}/${formatCount(total)} images`,
      `${formatDuration(secondsLeft)} left`,
    ])
}

function drawBar(share: number): string {
  const full = Math.max(0, Math.min(barCells, Math.round(share * barCells)))
  return `[${'#'.repeat(full)}${'-'.repeat(barCells - full)}]`
}
