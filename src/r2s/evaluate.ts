// The accuracy of a random switch, as an expectation over its draws that is computed, not sampled.
import type { Classifier } from '../attacks/classifier.ts'
import type { Norm } from '../attacks/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import type { EvaluationMeter } from '../evaluation/meter.ts'
import { wilsonInterval } from '../evaluation/statistics.ts'
import { numbers } from '../evaluation/test-images.ts'
import { Draws } from '../random/draws.ts'
import { Purpose, RandomStream } from '../random/philox.ts'
import { expectations, sharesOf } from './expectations.ts'
import { type Effort, passesOf, phaseOf, Scorer, type ScoringOptions } from './scoring.ts'
import type { SwitchAttack } from './switch-attack.ts'

/** Of the pairs that a simulation draws; the draws of a switch itself are step 0. */
const simulationStep = 1

export interface SwitchEvaluationOptions extends ScoringOptions {
  /** One of `adversaries`: `adversaries.random(attacks.pgd({ eps: 8 / 255 }))` is the paper's. */
  adversary: SwitchAttack
  /**
   * Draw this many pairs of attacked and answering ticket for each image instead of computing the expectation. For
   * demonstration, and for adversaries that attack one ticket. Default: none.
   */
  simulate?: number
}

interface SwitchReport extends Effort {
  readonly images: number
  readonly tickets: number
  readonly adversary: {
    readonly name: string
    readonly eps: number
    readonly norm: Norm
    readonly against: 'one' | 'all'
    readonly onlyCorrect?: boolean
  }
  /** Mean natural accuracy of the tickets; exact in both methods. */
  readonly naturalAccuracy: number
  readonly robustAccuracy: number
}

export interface SwitchExpectation extends SwitchReport {
  readonly method: 'exact expectation'
  /**
   * Mean over images of the expected accuracy after the attack on the ticket that is worst for that image. Where the
   * adversary makes one image against all tickets it is `robustAccuracy`.
   */
  readonly worstTicket: number
  /** Share of images that every ticket gets right under every attack of the adversary. */
  readonly allTickets: number
  /** Accuracy of each ticket (column) on the images made on each ticket (row), or in a single row on those made on all. */
  readonly matrix: readonly (readonly number[])[]
}

export interface SwitchSimulation extends SwitchReport {
  readonly method: 'simulation'
  /** Pairs drawn in all; `robustAccuracy` is the share of them that came out right. */
  readonly draws: number
  /**
   * Covers the exact expectation on the same images in about 95 % of simulations or more: draws of different images
   * differ in probability, which makes their sum vary less than the interval (Wilson's) assumes.
   */
  readonly interval: { readonly confidence: 0.95; readonly low: number; readonly high: number }
}

/**
 * All images are attacked, and each counts as it is answered. Every adversarial image is verified (norm, box), then
 * every ticket is asked about it.
 * @param r2s a switch; any tickets of one image size and class count will do
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 * @example
 * const report = await evaluateR2S(r2s, data.test, { adversary: adversaries.eot({ eps: 8 / 255 }), limit: 1000 })
 */
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions & { simulate: number },
): Promise<SwitchSimulation>
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions & { simulate?: undefined },
): Promise<SwitchExpectation>
export async function evaluateR2S(
  r2s: { readonly tickets: readonly Classifier[] },
  split: Split,
  options: SwitchEvaluationOptions,
): Promise<SwitchExpectation | SwitchSimulation>
export async function evaluateR2S(
  { tickets }: { readonly tickets: readonly Classifier[] },
  split: Split,
  { adversary, simulate, ...options }: SwitchEvaluationOptions,
): Promise<SwitchExpectation | SwitchSimulation> {
  if (simulate !== undefined) checkSimulation(simulate, adversary)
  const scorer = await Scorer.open(tickets, split, options)
  const { name, eps, norm, against, onlyCorrect } = adversary
  const common = {
    images: scorer.images.size,
    tickets: tickets.length,
    adversary: { name, eps, norm, against, onlyCorrect },
  }
  if (simulate === undefined) {
    const scores = await scorer.all(adversary)
    const shares = sharesOf(scores.robust, scores.images)
    const matrix = Array.from({ length: scores.rows }, (_, r) =>
      shares.slice(r * tickets.length, (r + 1) * tickets.length),
    )
    return { method: 'exact expectation', ...common, ...expectations(scores), matrix, ...scorer.effort }
  }
  const phases = tickets.map((_, i) => phaseOf(adversary, i))
  const meter = scorer.meter(phases, passesOf(adversary, tickets))
  const natural = await scorer.natural(meter)
  const naturalAccuracy = natural.reduce((sum, flag) => sum + flag, 0) / natural.length
  const right = await simulated(scorer, tickets, adversary, simulate, meter)
  const draws = scorer.images.size * simulate
  const [low, high] = wilsonInterval(right, draws)
  return {
    method: 'simulation',
    ...common,
    naturalAccuracy,
    robustAccuracy: right / draws,
    draws,
    interval: { confidence: 0.95, low, high },
    ...scorer.effort,
  }
}

function checkSimulation(draws: number, { name, against }: SwitchAttack): void {
  if (!Number.isInteger(draws) || draws < 1) {
    throw new ConfigError(
      `Expected a whole number of at least 1 for simulate but received ${draws}.`,
      'simulate',
    )
  }
  if (against === 'all') {
    throw new ConfigError(
      `${name} makes one image against all tickets, so its exact expectation costs no more than a simulation; leave simulate out.`,
      'simulate',
    )
  }
}

/** Draws `draws` pairs of attacked and answering ticket for each image, by its own stream, and counts right answers. */
async function simulated(
  scorer: Scorer,
  tickets: readonly Classifier[],
  adversary: SwitchAttack,
  draws: number,
  meter: EvaluationMeter,
): Promise<number> {
  const count = tickets.length
  const { size, ids } = scorer.images
  /** Times that each pair was drawn, [attacked, answering, images]. */
  const times = new Uint32Array(count * count * size)
  for (let n = 0; n < size; n++) {
    const stream = new Draws(new RandomStream(scorer.seed, Purpose.ticketSwitch, simulationStep, ids[n]))
    for (let d = 0; d < draws; d++) {
      const pair = stream.integer(count) * count + stream.integer(count)
      times[pair * size + n]++
    }
  }
  let right = 0
  for (let i = 0; i < count; i++) {
    const drawn = (j: number, n: number) => times[(i * count + j) * size + n]
    const attacked = numbers(size).filter(n => tickets.some((_, j) => drawn(j, n) > 0))
    let done = 0
    for (const chosen of scorer.images.batches(scorer.batchSize, attacked)) {
      scorer.checkAborted()
      const report = (images: number) => meter.report(i + 1, done + images, attacked.length)
      const adversarial = await scorer.attack(adversary, [tickets[i]], chosen, report)
      for (let j = 0; j < count; j++) {
        const answers = await scorer.right(j, adversarial, chosen)
        for (const [at, n] of chosen.entries()) right += answers[at] * drawn(j, n)
      }
      done += chosen.length
    }
  }
  return right
}
