// Square Attack: Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random
// search" (ECCV 2020), with the settings of AutoAttack (Croce & Hein, ICML 2020).
import { ConfigError } from '../errors.ts'
import { Draws } from '../random/draws.ts'
import { Purpose, RandomStream } from '../random/philox.ts'
import type { Attack } from './attack.ts'
import type { HostBatch } from './batches.ts'
import { type HostBatchResult, hostAttack } from './host-attack.ts'
import { margin, topClass } from './losses.ts'
import { checkCount } from './option-checks.ts'
import { type Oracle, row, rows } from './oracle.ts'
import { type ImageShape, l2Sampling, linfSampling, type Sampling } from './square-sampling.ts'
import { type Norm, type ThreatModel, threatModel } from './threat-model.ts'

export interface SquareOptions {
  /** Radius of the ball, pixels in [0, 1]: 8/255 on CIFAR. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /** Proposals for each image and restart, after one query of the starting point; ≥ 1. Default 5000. */
  queries?: number
  /** Share of the pixels that the first squares cover, above 0 to 1. Default 0.8. */
  pInit?: number
  /** Random searches; later ones go on with the images that still resist. Default 1. */
  restarts?: number
  /**
   * Stretch the schedule, which is for 10,000 queries, to `queries`. Default false, as in AutoAttack (in the reference
   * code's own class true).
   */
  rescaleSchedule?: boolean
}

interface SearchSettings {
  readonly queries: number
  readonly pInit: number
  readonly rescaleSchedule: boolean
}

/**
 * Random search on the margin z_y − max_{j≠y} z_j, by logits alone: each query changes a square of the image (in L2 two)
 * and keeps the change where it lowers the margin. Squares, their places and signs are drawn for each image (decision
 * D9; the reference code of AutoAttack shares places and, in L∞, signs in a batch). An image that is wrong, or becomes
 * so, gets no further query; one that resists comes back as it was. The bestLoss is minus the smallest margin.
 *
 * Passes of an image that resists: one to see whether it is right at all, 1 + queries for each restart, one to check.
 * At a margin of exactly 0 the search ends only if the tie goes to another class; the reference code ends at any tie.
 * @throws ConfigError
 */
export function square({
  eps,
  norm = 'linf',
  queries = 5000,
  pInit = 0.8,
  restarts = 1,
  rescaleSchedule = false,
}: SquareOptions): Attack {
  const threat = threatModel({ eps, norm })
  checkCount('queries', queries)
  checkCount('restarts', restarts)
  if (!(pInit > 0 && pInit <= 1)) {
    throw new ConfigError(`Expected a pInit above 0 and up to 1 but received ${pInit}.`, 'pInit')
  }
  const settings = { queries, pInit, rescaleSchedule }
  return hostAttack({
    name: 'square',
    threat,
    settings: { ...settings, restarts },
    passes: () => ({ forwards: 2 + restarts * (queries + 1), backwards: 0 }),
    attackBatch: (oracle, batch) => attackBatch(oracle, batch, threat, restarts, settings),
  })
}

async function attackBatch(
  oracle: Oracle,
  batch: HostBatch,
  threat: ThreatModel,
  restarts: number,
  settings: SearchSettings,
): Promise<HostBatchResult> {
  const sampling = samplingOf(threat, oracle.model.inputShape)
  const adversarial = batch.images.slice()
  const bestLoss = new Float64Array(batch.count)
  const clean = await oracle.logits(batch.images)
  let robust: number[] = []
  for (let n = 0; n < batch.count; n++) {
    const logits = row(clean, n, oracle.classes)
    bestLoss[n] = -margin(logits, batch.labels[n])
    if (topClass(logits) === batch.labels[n]) robust.push(n)
  }
  for (let restart = 0; restart < restarts && robust.length > 0; restart++) {
    robust = await randomSearch(oracle, batch, robust, restart, sampling, settings, { adversarial, bestLoss })
  }
  return { adversarial, bestLoss }
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
  result: { readonly adversarial: Float32Array; readonly bestLoss: Float64Array },
): Promise<number[]> {
  const { imageSize, classes } = oracle
  const shape = oracle.model.inputShape
  // Row k of the three matrices belongs to candidate k. Outside the windows of the proposal, best and x agree.
  const originals = rows(batch.images, indices, imageSize)
  const best = new Float32Array(originals.length)
  const x = new Float32Array(originals.length)
  let candidates: Candidate[] = indices.map(n => ({
    n,
    draws: new Draws(new RandomStream(batch.seed, Purpose.attackStep, restart, batch.sampleIds[n])),
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
      const label = batch.labels[n]
      const answer = row(logits, k, classes)
      const newMargin = margin(answer, label)
      result.bestLoss[n] = Math.max(result.bestLoss[n], -newMargin)
      if (!(newMargin > 0) && topClass(answer) !== label) {
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
