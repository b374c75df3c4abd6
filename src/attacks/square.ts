// Square Attack: Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random
// search" (ECCV 2020), with the settings of AutoAttack (Croce & Hein, ICML 2020).
import { count, flag, number } from '../inputs/kinds.ts'
import { type OptionsOf, option } from '../inputs/rows.ts'
import type { Draws } from '../random/draws.ts'
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { reached } from './frame/goal.ts'
import { type HostBatchResult, hostAttack } from './frame/host-attack.ts'
import type { HostBatch } from './frame/host-batch.ts'
import { margin } from './frame/losses.ts'
import { type Oracle, row, rows } from './frame/oracle.ts'
import { type ImageShape, l2Sampling, linfSampling, type Sampling } from './frame/square-sampling.ts'
import { drawsOf } from './frame/streams.ts'
import { epsRow, normRow, type ThreatModel, threatModel } from './frame/threat-model.ts'

export const squareRows = {
  eps: epsRow,
  norm: normRow,
  queries: option(count(), 5000, 'proposals for each image', {
    flag: 'queries',
    more: 'In each restart, after one query of the starting point.',
  }),
  pInit: option(number(0, 1, { above: true }), 0.8, 'share of the pixels that the first squares cover'),
  restarts: option(count(), 1, 'random starts', {
    flag: 'restarts',
    more: 'Later searches go on with the images that still resist.',
  }),
  rescaleSchedule: option(flag, false, 'stretch the schedule, which is for 10,000 queries, to `queries`', {
    more: "False as in AutoAttack; in the reference code's own class true.",
  }),
}
/** Options of `attacks.square`. */
export type SquareOptions = OptionsOf<typeof squareRows>

interface SearchSettings {
  readonly queries: number
  readonly pInit: number
  readonly rescaleSchedule: boolean
}

/**
 * Square Attack (Andriushchenko et al., ECCV 2020), with the settings of AutoAttack.
 *
 * Random search on the margin z_y − max_{j≠y} z_j, by logits alone: each query changes a square of the image (in L2
 * two) and keeps the change where it lowers the margin. Squares, their places and signs are drawn for each image
 * (the reference code of AutoAttack shares places and, in L∞, signs in a batch). An image that is wrong,
 * or becomes so, gets no further query; one that resists comes back as it was. The bestLoss is minus the smallest
 * margin. In a targeted run the margin is max_{j≠t} z_j − z_t.
 *
 * The `queries` of the result count those of starting points and proposals: 1 + queries for each restart of an image
 * that resists.
 *
 * Passes of an image that resists: one to see whether it is right at all, 1 + queries for each restart, one to check.
 * At a margin of exactly 0 the search ends only if the tie goes to another class; the reference code ends at any tie.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const images = Float32Array.from(test.images.subarray(0, 2 * 3072), pixel => pixel / 255)
 * const square = attacks.square({ eps: 8 / 255, queries: 200 })
 * const { queries } = await square.run(ticket, images, test.labels.subarray(0, 2))
 * console.log(queries?.every(count => count <= 201)) // → true
 */
export const square: AttackFactory<SquareOptions, Attack> = attackFactory(
  { name: 'square', title: 'Square', paper: 'Andriushchenko et al., ECCV 2020', options: squareRows },
  ({ eps, norm, queries, pInit, restarts, rescaleSchedule }) => {
    const threat = threatModel({ eps, norm })
    const settings = { queries, pInit, rescaleSchedule }
    return hostAttack({
      name: 'square',
      threat,
      settings: { ...settings, restarts },
      passes: () => ({ forwards: 2 + restarts * (queries + 1), backwards: 0 }),
      attackBatch: (oracle, batch, natural) =>
        attackBatch(oracle, batch, natural, threat, restarts, settings),
    })
  },
)

async function attackBatch(
  oracle: Oracle,
  batch: HostBatch,
  natural: Float32Array,
  threat: ThreatModel,
  restarts: number,
  settings: SearchSettings,
): Promise<HostBatchResult> {
  const sampling = samplingOf(threat, oracle.model.inputShape)
  const adversarial = batch.images.slice()
  const bestLoss = new Float64Array(batch.count)
  const result = { adversarial, bestLoss, queries: new Int32Array(batch.count) }
  let resisting: number[] = []
  for (let n = 0; n < batch.count; n++) {
    const logits = row(natural, n, oracle.classes)
    bestLoss[n] = -marginOf(batch, n, logits)
    if (!reached(batch, n, logits)) resisting.push(n)
  }
  for (let restart = 0; restart < restarts && resisting.length > 0; restart++) {
    resisting = await randomSearch(oracle, batch, resisting, restart, sampling, settings, result)
  }
  return result
}

/** What keeps image n from being classified as the attack wants; of a NaN, NaN. */
function marginOf({ labels, targets }: HostBatch, n: number, logits: Float32Array): number {
  return targets ? 0 - margin(logits, targets[n]) : margin(logits, labels[n])
}

function samplingOf({ norm, eps }: ThreatModel, shape: ImageShape): Sampling {
  return norm === 'linf' ? linfSampling(eps, shape) : l2Sampling(eps, shape)
}

/** An image under search. */
interface Candidate {
  /** Its place in the batch. */
  readonly n: number
  readonly draws: Draws
  /** Top and left of each window of the proposal. */
  readonly corners: Int32Array
  /** Of the best point so far. */
  margin: number
}

/**
 * Algorithm 1 on the images `indices` of the batch, all at once. Writes those that it fools, and all losses, to
 * `result`.
 * @returns the images that resist
 */
async function randomSearch(
  oracle: Oracle,
  batch: HostBatch,
  indices: readonly number[],
  restart: number,
  sampling: Sampling,
  settings: SearchSettings,
  result: {
    readonly adversarial: Float32Array
    readonly bestLoss: Float64Array
    readonly queries: Int32Array
  },
): Promise<number[]> {
  const { imageSize, classes } = oracle
  const shape = oracle.model.inputShape
  // Row k of the three matrices belongs to candidate k. Outside the windows of the proposal, best and x agree.
  const originals = rows(batch.images, indices, imageSize)
  const best = new Float32Array(originals.length)
  const x = new Float32Array(originals.length)
  let candidates: Candidate[] = indices.map(n => ({
    n,
    draws: drawsOf('square', restart, batch, n),
    corners: new Int32Array(2 * sampling.windowCount),
    margin: Number.POSITIVE_INFINITY,
  }))
  for (const [k, { draws }] of candidates.entries()) {
    sampling.start(row(originals, k, imageSize), row(x, k, imageSize), draws)
  }
  best.set(x)

  // Query −1 asks for the starting points.
  for (let query = -1; query < settings.queries && candidates.length > 0; query++) {
    const side = query < 0 ? 0 : sampling.side(squareShare(query, settings))
    if (query >= 0) {
      for (const [k, { draws, corners }] of candidates.entries()) {
        const original = row(originals, k, imageSize)
        sampling.propose(original, row(x, k, imageSize), { side, corners }, draws)
      }
    }
    const logits = await oracle.logits(x.subarray(0, candidates.length * imageSize))
    const resisting: Candidate[] = []
    for (const [k, candidate] of candidates.entries()) {
      const { n, corners } = candidate
      const answer = row(logits, k, classes)
      const newMargin = marginOf(batch, n, answer)
      result.queries[n]++
      result.bestLoss[n] = Math.max(result.bestLoss[n], -newMargin)
      if (!(newMargin > 0) && reached(batch, n, answer)) {
        result.adversarial.set(row(x, k, imageSize), n * imageSize)
        continue
      }
      const improved = newMargin < candidate.margin
      const [from, to] = improved ? [x, best] : [best, x]
      copyWindows(row(from, k, imageSize), row(to, k, imageSize), corners, side, shape)
      if (improved) candidate.margin = newMargin
      const newRow = resisting.push(candidate) - 1
      if (newRow === k) continue
      for (const matrix of [originals, best, x]) {
        matrix.copyWithin(newRow * imageSize, k * imageSize, (k + 1) * imageSize)
      }
    }
    candidates = resisting
  }
  return candidates.map(({ n }) => n)
}

/**
 * The share p of pixels that a square covers at proposal number `query` (from 0): pInit, halved after 10, 50, 200, 500,
 * 1000, 2000, 4000, 6000 and 8000 proposals. On 32×32 from 0.8 the sides are 29, 20, 14, 10, 7, 5, 4, 3, ….
 */
export function squareShare(
  query: number,
  { queries, pInit, rescaleSchedule }: { queries: number; pInit: number; rescaleSchedule: boolean },
): number {
  const position = rescaleSchedule ? Math.floor((query / queries) * 10000) : query
  const halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000].filter(after => position > after).length
  return pInit / 2 ** halvings
}

function copyWindows(
  from: Float32Array,
  to: Float32Array,
  corners: Int32Array,
  side: number,
  [channels, height, width]: ImageShape,
): void {
  for (let corner = 0; corner < corners.length; corner += 2) {
    for (let c = 0; c < channels; c++) {
      for (let r = 0; r < side; r++) {
        const start = (c * height + corners[corner] + r) * width + corners[corner + 1]
        for (let i = start; i < start + side; i++) to[i] = from[i]
      }
    }
  }
}
