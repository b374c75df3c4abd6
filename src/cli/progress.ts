// Progress on standard error: one line that is drawn over on a terminal, a line with the time each minute otherwise.

import type { EvaluationProgress } from '../evaluation/meter.ts'
import type { TrainingProgress } from '../training/options.ts'
import { formatCount, formatDuration, formatPercent } from './format.ts'
import type { Terminal } from './terminal.ts'

const redrawMilliseconds = 100
const lineMilliseconds = 60_000
const barCells = 20

/** A part of the progress line. */
export interface Detail {
  readonly text: string
  /** What is left out first where the line is too long: the largest. */
  readonly rank: number
}

export class ProgressDisplay {
  readonly #terminal: Terminal
  readonly #label: string
  readonly #started: number
  #last: number | undefined
  #unshown: (() => string) | undefined
  #drawn = false

  /** @param label what is going on, such as 'search' */
  constructor(terminal: Terminal, label: string) {
    this.#terminal = terminal
    this.#label = label
    this.#started = terminal.io.now()
  }

  /** @param share of the work done, 0 to 1 */
  update(share: number, details: readonly Detail[]): void {
    const now = this.#terminal.io.now()
    const line = () => this.#line(share, details, now)
    if (!this.#isDue(now)) {
      this.#unshown = line
      return
    }
    this.#last = now
    this.#unshown = undefined
    this.#show(line())
  }

  /** Shows the last state and ends the line. */
  finish(): void {
    if (this.#unshown !== undefined) this.#show(this.#unshown())
    this.#unshown = undefined
    if (this.#drawn) this.#terminal.log('')
    this.#drawn = false
  }

  #isDue(now: number): boolean {
    const pause = this.#terminal.canRedraw ? redrawMilliseconds : lineMilliseconds
    return this.#last === undefined || now - this.#last >= pause
  }

  #line(share: number, details: readonly Detail[], now: number): string {
    const percent = formatPercent(share).padStart(7)
    if (this.#terminal.canRedraw) {
      const fit = (head: string) =>
        fitParts([{ text: head, rank: 0 }, ...details], this.#terminal.columns - 1)
      const line = fit(`${this.#label} ${drawBar(share)} ${percent}`)
      // The bar has its rank too.
      const isWhole = details.every(({ text, rank }) => rank > barRank || line.includes(text))
      return isWhole ? line : fit(`${this.#label} ${percent}`)
    }
    const elapsed = `${formatDuration((now - this.#started) / 1000)} gone`
    const time = this.#terminal.io.date().toISOString().replace(/\.\d+/, '')
    return [time, `${this.#label} ${percent}`, ...details.map(({ text }) => text), elapsed].join('  ')
  }

  #show(text: string): void {
    if (!this.#terminal.canRedraw) {
      this.#terminal.log(text)
      return
    }
    this.#terminal.redraw(this.#terminal.accent(text))
    this.#drawn = true
  }
}

const barRank = 5

/** Tells `display` of each step of a training. */
export function showTraining(display: ProgressDisplay): (progress: TrainingProgress) => void {
  return ({ step, steps, epochs, loss, accuracy, imagesPerSecond, secondsLeft }) => {
    const epoch = Math.min(epochs, Math.floor(((step - 1) / steps) * epochs) + 1)
    display.update(step / steps, [
      { text: `${formatDuration(secondsLeft)} left`, rank: 1 },
      { text: `epoch ${epoch}/${epochs}`, rank: 4 },
      { text: `step ${formatCount(step)}/${formatCount(steps)}`, rank: 7 },
      { text: `loss ${loss.toFixed(3)}`, rank: 6 },
      { text: `accuracy ${formatPercent(accuracy)}`, rank: 2 },
      { text: `${formatCount(imagesPerSecond)} images/s`, rank: 3 },
    ])
  }
}

/** Tells `display` of an evaluation, whose phases are the natural images and each attack. */
export function showEvaluation(display: ProgressDisplay): (progress: EvaluationProgress) => void {
  return ({ phase, images, total, share, secondsLeft }) =>
    display.update(share, [
      { text: `${formatDuration(secondsLeft)} left`, rank: 1 },
      { text: phase, rank: 2 },
      { text: `${formatCount(images)}/${formatCount(total)} images`, rank: 3 },
    ])
}

/** The parts in their order, without those of the largest ranks that do not fit into `width` characters. */
export function fitParts(parts: readonly Detail[], width: number): string {
  const kept = new Set<Detail>()
  const join = () =>
    parts
      .filter(part => kept.has(part))
      .map(({ text }) => text)
      .join('  ')
  for (const part of [...parts].sort((a, b) => a.rank - b.rank)) {
    kept.add(part)
    if (join().length <= width) continue
    kept.delete(part)
    break
  }
  return join()
}

function drawBar(share: number): string {
  const full = Math.max(0, Math.min(barCells, Math.round(share * barCells)))
  return `[${'#'.repeat(full)}${'-'.repeat(barCells - full)}]`
}
