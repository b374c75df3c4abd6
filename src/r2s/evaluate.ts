// The accuracy of a random switch, as an expectation over its draws that is computed, not sampled.

import type { Norm } from '../attacks/frame/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import type { Provenance } from '../evaluation/provenance.ts'
import { alone } from '../evaluation/run-lock.ts'
import { type RunOptions, runRows } from '../evaluation/runner.ts'
import { type Interval, wilsonInterval } from '../evaluation/statistics.ts'
import type { Effort } from '../evaluation/tally.ts'
import { callback, count, flag, required } from '../inputs/kinds.ts'
import { checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'
import type { Classifier } from '../nn/classifier.ts'
import { Draws } from '../random/draws.ts'
import { Purpose, RandomStream } from '../random/philox.ts'
import { type BestTicket, bestTicket } from './best-ticket.ts'
import {
  expectations,
  sharesOf,
  sharesOfImages,
  type Uncertainties,
  uncertaintiesOf,
} from './expectations.ts'
import { Scorer } from './scoring.ts'
import { type SwitchAttack, switchAttackKind } from './switch-attack.ts'

/** Of the pairs that a simulation draws; the draws of a switch itself are step 0. */
const simulationStep = 1

/** Who attacks a switch, and on what. */
export interface SwitchEvaluationOptions extends RunOptions {
  /** One of `adversaries`: `adversaries.random(attacks.pgd({ eps: 8 / 255 }))` is the paper's. */
  adversary: SwitchAttack
  /**
   * Draw this many pairs of attacked and answering ticket for each image, 1 to 10^6, instead of computing the
   * expectation. For demonstration, and for adversaries that attack one ticket. Default: none.
   */
  simulate?: number
  /**
   * Of adversaries that attack all tickets at once: attack each ticket alone as well, to compare the switch with its best
   * one. Default false. Adversaries that attack one ticket at a time do so anyway.
   */
  singles?: boolean
  /**
   * Awaited before the finished batches in `runDir` are deleted, to write results down: if it throws, the evaluation can
   * still be resumed.
   */
  onComplete?: (report: SwitchExpectation | SwitchSimulation) => Promise<void>
}

export const switchEvaluationRows: OptionRows<SwitchEvaluationOptions> = {
  ...runRows,
  adversary: required(switchAttackKind),
  simulate: count(1, 1e6),
  singles: flag,
  onComplete: callback,
}

/** What is found of a switch in either way. */
export interface SwitchReport extends Effort {
  /** How many it was evaluated on. */
  readonly images: number
  /** How many the switch has. */
  readonly tickets: number
  /** Who attacked. */
  readonly adversary: {
    /** With its main settings, such as 'arc-20'. */
    readonly name: string
    /** Radius of its ball, pixels in [0, 1]. */
    readonly eps: number
    /** Of its perturbations. */
    readonly norm: Norm
    /** See SwitchAttack. */
    readonly against: 'one' | 'all'
    /** See SwitchAttack. */
    readonly onlyCorrect?: boolean
  }
  /** Mean natural accuracy of the tickets; exact in both methods. */
  readonly naturalAccuracy: number
  /** Probability that the ticket drawn is right about an image naturally and under attack. */
  readonly robustAccuracy: number
  /** What all of these are of. */
  readonly provenance: Provenance
}

/**
 * The accuracies of a switch as expectations, which are computed from what every ticket answers to every adversarial
 * image.
 */
export interface SwitchExpectation extends SwitchReport {
  /** That nothing was sampled. */
  readonly method: 'exact expectation'
  /**
   * Mean over images of the expected accuracy after the attack on the ticket that is worst for that image. Where the
   * adversary makes one image against all tickets it is `robustAccuracy`.
   */
  readonly worstTicket: number
  /** Share of images that every ticket gets right, naturally and under every attack of the adversary. */
  readonly allTickets: number
  /**
   * Share of images that each ticket (column) gets right naturally and as they were made on each ticket (row), or in a
   * single row on all.
   */
  readonly matrix: readonly (readonly number[])[]
  /** Standard error and 95 % interval of each of the four, over images. */
  readonly uncertainty: Uncertainties
  /** Of the matrix, by Wilson. */
  readonly intervals: readonly (readonly Interval[])[]
  /**
   * The best single ticket and what the switch gains over it; undefined for a single ticket, and where the adversary
   * attacks all tickets at once and `singles` is not set.
   */
  readonly bestTicket?: BestTicket
}

/** The accuracy of a switch in draws that were made. */
export interface SwitchSimulation extends SwitchReport {
  /** That draws were sampled. */
  readonly method: 'simulation'
  /** Pairs drawn in all; `robustAccuracy` is the share of them whose ticket was right naturally and under attack. */
  readonly draws: number
  /**
   * Of the draws on these images, not of other images, by Wilson. Covers the exact expectation on the same images in
   * about 95 % of simulations or more: draws of different images differ in probability, which makes their sum vary
   * less than the interval assumes.
   */
  readonly interval: {
    /** How often it covers the expectation. */
    readonly confidence: 0.95
    /** Its lower end. */
    readonly low: number
    /** Its upper end. */
    readonly high: number
  }
}

/**
 * The accuracy of a random switch as an expectation over its draws, which is computed from what every ticket answers to
 * every adversarial image (Fu et al., NeurIPS 2021, section 6).
 *
 * All images are attacked, and every adversarial image is verified (norm, box, and the answers of the tickets attacked);
 * then every ticket is asked about it. An answer under attack counts as right where that ticket is also right about the
 * natural image: images that an attack turns right count for nobody.
 * @param r2s a switch; any tickets of one image size and class count will do
 * @param split the images, such as `data.test`
 * @param options adversary, number of images, seeds, and where it is kept for a resume
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 * @example
 * import { adversaries, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.arc({ eps: 8 / 255, steps: 5 })
 * const report = await evaluateR2S(r2s, test, { adversary, singles: true, limit: 1000 })
 * console.log(report.method, report.tickets, report.failedChecks) // → exact expectation 2 0
 * const { standardError } = report.uncertainty.robustAccuracy
 * console.log(report.robustAccuracy, standardError, report.bestTicket?.accuracy)
 */
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions & { simulate?: undefined },
): Promise<SwitchExpectation>
/**
 * The same in draws that are made, for demonstration: pairs of attacked and answering ticket, for each image.
 * @param r2s a switch; any tickets of one image size and class count will do
 * @param split the images, such as `data.test`
 * @param options with `simulate`, an adversary that attacks one ticket at a time
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 * @example
 * import { adversaries, attacks, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.random(attacks.pgd({ eps: 8 / 255 }))
 * const { draws, interval } = await evaluateR2S(r2s, test, { adversary, simulate: 10, limit: 1000 })
 * console.log(draws, interval.confidence) // → 40 0.95
 */
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions & { simulate: number },
): Promise<SwitchSimulation>
/**
 * Either, as the options say.
 * @param r2s a switch; any tickets of one image size and class count will do
 * @param split the images, such as `data.test`
 * @param options with `simulate` or without
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 */
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions,
): Promise<SwitchExpectation | SwitchSimulation>
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions,
): Promise<SwitchExpectation | SwitchSimulation> {
  if (typeof r2s !== 'object' || r2s === null) {
    throw new ConfigError(`Expected a switch { tickets } but received ${describeValue(r2s)}.`, 'tickets')
  }
  checkOptions('evaluateR2S', options, switchEvaluationRows)
  const { simulate, singles = false } = options
  if (simulate !== undefined) checkSimulation(options.adversary, singles)
  return alone(options, () => evaluateAlone(r2s.tickets, split, options))
}

async function evaluateAlone(
  tickets: readonly Classifier[],
  split: Split,
  options: SwitchEvaluationOptions,
): Promise<SwitchExpectation | SwitchSimulation> {
  const { adversary, simulate, singles = false } = options
  const scorer = await Scorer.open('r2s', tickets, split, adversary, options, {
    singles,
    settings: { simulate: simulate ?? null },
  })
  const { runner } = scorer
  const provenance = await runner.provenance([adversary])
  const { name, eps, norm, against, onlyCorrect } = adversary
  const common = {
    images: runner.images.size,
    tickets: tickets.length,
    adversary: { name, eps, norm, against, onlyCorrect },
    provenance,
  }
  if (simulate === undefined) {
    const scores = await scorer.all()
    const accuracies = sharesOf(scores.robust, scores.images)
    const matrix = Array.from({ length: scores.rows }, (_, r) =>
      accuracies.slice(r * tickets.length, (r + 1) * tickets.length),
    )
    const shares = sharesOfImages(scores)
    const alone = await scorer.alone(scores)
    const best = alone && bestTicket(alone, shares.robustAccuracy)
    const found: SwitchExpectation = {
      method: 'exact expectation',
      ...common,
      ...expectations(scores),
      matrix,
      uncertainty: uncertaintiesOf(shares),
      intervals: matrix.map(row => row.map(share => wilsonInterval(share * scores.images, scores.images))),
      ...(best && { bestTicket: best }),
      ...scorer.effort,
    }
    return runner.complete(found, options.onComplete)
  }
  const right = await simulated(scorer, tickets.length, simulate)
  const draws = runner.images.size * simulate
  const [low, high] = wilsonInterval(right, draws)
  const found: SwitchSimulation = {
    method: 'simulation',
    ...common,
    naturalAccuracy: scorer.natural.reduce((sum, flag) => sum + flag, 0) / scorer.natural.length,
    robustAccuracy: right / draws,
    draws,
    interval: { confidence: 0.95, low, high },
    ...scorer.effort,
  }
  return runner.complete(found, options.onComplete)
}

function checkSimulation({ name, against }: SwitchAttack, singles: boolean): void {
  if (singles) {
    throw new ConfigError('A simulation does not compare with single tickets: leave singles out.', 'singles')
  }
  if (against === 'one') return
  throw new ConfigError(
    `${name} makes one image against all tickets, so its exact expectation costs no more than a simulation; leave simulate out.`,
    'simulate',
  )
}

/** Draws `draws` pairs of attacked and answering ticket for each image, by its own stream, and counts right answers. */
async function simulated(scorer: Scorer, tickets: number, draws: number): Promise<number> {
  const { runner } = scorer
  const { size, ids } = runner.images
  /** Times that each pair was drawn, [attacked, answering, images]. */
  const times = new Uint32Array(tickets * tickets * size)
  for (let n = 0; n < size; n++) {
    const stream = new Draws(
      new RandomStream(runner.attackSeed, Purpose.ticketSwitch, simulationStep, ids[n]),
    )
    for (let d = 0; d < draws; d++) {
      const pair = stream.integer(tickets) * tickets + stream.integer(tickets)
      times[pair * size + n]++
    }
  }
  let right = 0
  for (let i = 0; i < tickets; i++) {
    const drawn = (j: number, n: number) => times[(i * tickets + j) * size + n]
    const attacked = runner.all.filter(n => Array.from({ length: tickets }).some((_, j) => drawn(j, n) > 0))
    const answers = await scorer.answers(i, attacked)
    for (const [j, flags] of answers.entries()) {
      for (const [at, n] of attacked.entries()) right += flags[at] * drawn(j, n)
    }
  }
  return right
}
