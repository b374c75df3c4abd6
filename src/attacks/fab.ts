// The fast adaptive boundary attack: Croce & Hein, "Minimally distorted Adversarial Examples with a Fast Adaptive
// Boundary Attack" (ICML 2020), as AutoAttack runs it (no final search along the line to the image).
import { ConfigError } from '../errors.ts'
import { Draws } from '../random/draws.ts'
import { Purpose, RandomStream } from '../random/philox.ts'
import type { Attack } from './attack.ts'
import type { HostBatch } from './batches.ts'
import { stepToHyperplane } from './box-projection.ts'
import { hostAttack } from './host-attack.ts'
import { descending, topClass } from './losses.ts'
import { checkCount } from './option-checks.ts'
import { type Oracle, row, rows } from './oracle.ts'
import { distance, type Norm, type ThreatModel, threatModel } from './threat-model.ts'

export interface FabOptions {
  /**
   * Radius of the ball, pixels in [0, 1]. The search does not know it: it only decides at the end what counts, and
   * sets the size of the random starts.
   */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /** FAB-T, one target class after the other; false approaches the nearest of all classes. Default true. */
  targeted?: boolean
  /** Default 100. */
  steps?: number
  /** Runs (of each target): the first from the image, the others from random points within eps/2. Default 1. */
  restarts?: number
  /** Target classes of FAB-T, in the order of their logits on the image. Default 9, or all others if there are fewer. */
  targets?: number
  /** Most weight of the image's own projection in a step, 0 to 1. Default 0.1. */
  alphaMax?: number
  /** How far beyond the boundary a step aims, at least 1. Default 1.05. */
  eta?: number
  /** Where the search goes on between the image (0) and an adversarial point that it found (1). Default 0.9. */
  beta?: number
}

/** Norms of the two steps are taken as at least this, and the norm of a gradient as more (reference code). */
const leastStep = 1e-8
const tiny = 1e-12

/** Settings of one run. */
interface Search {
  readonly threat: ThreatModel
  readonly steps: number
  readonly alphaMax: number
  readonly eta: number
  readonly beta: number
}

/** Images that one run works on. */
interface SearchImages {
  readonly originals: Float32Array<ArrayBuffer>
  readonly starts: Float32Array<ArrayBuffer>
  readonly labels: readonly number[]
  /** Classes whose boundaries count, as many for each image. */
  readonly others: readonly (readonly number[])[]
}

/**
 * Looks for the nearest adversarial image: `distances` of the result are those found, of any size, and bestLoss is
 * their negative. Images with one within eps are not tried again with the next target or restart.
 *
 * For each run of a never fooled image, FAB-T makes 2·steps forward and `steps` backward passes, FAB K·steps and
 * (K − 1)·steps for K classes; and each image has one forward pass before and one after.
 * @throws ConfigError, at `run` for more targets than the model has other classes
 */
export function fab({
  eps,
  norm = 'linf',
  targeted = true,
  steps = 100,
  restarts = 1,
  targets,
  alphaMax = 0.1,
  eta = 1.05,
  beta = 0.9,
}: FabOptions): Attack {
  checkCount('steps', steps)
  checkCount('restarts', restarts)
  if (targets !== undefined) checkCount('targets', targets)
  checkRange('alphaMax', alphaMax, 0, 1)
  checkRange('eta', eta, 1)
  checkRange('beta', beta, 0, 1)
  const threat = threatModel({ eps, norm })
  const search: Search = { threat, steps, alphaMax, eta, beta }
  const runsOf = (classes: number) => (targeted ? (targets ?? Math.min(9, classes - 1)) : 1)
  return hostAttack({
    name: targeted ? 'fab-t' : 'fab',
    threat,
    settings: { steps, restarts, ...(targets !== undefined && { targets }), alphaMax, eta, beta },
    passes(classes) {
      const iterations = runsOf(classes) * restarts * steps
      return targeted
        ? { forwards: 2 + 2 * iterations, backwards: iterations }
        : { forwards: 2 + classes * iterations, backwards: (classes - 1) * iterations }
    },
    check(oracle) {
      if (targets !== undefined && targets >= oracle.classes) {
        throw new ConfigError(
          `Expected at most ${oracle.classes - 1} targets for a model of ${oracle.classes} classes but received ${targets}.`,
          'targets',
        )
      }
    },
    async attackBatch(oracle, batch) {
      const { imageSize, classes } = oracle
      const adversarial = new Float32Array(batch.images)
      const distances = new Float64Array(batch.count).fill(Number.POSITIVE_INFINITY)
      const logits = await oracle.logits(batch.images)
      const ranking = Array.from({ length: batch.count }, (_, n) => descending(row(logits, n, classes)))
      const others = ranking.map((order, n) => order.filter(c => c !== batch.labels[n]))
      for (const [n, order] of ranking.entries()) if (order[0] !== batch.labels[n]) distances[n] = 0

      const runs = runsOf(classes)
      for (let target = 0; target < runs; target++) {
        for (let restart = 0; restart < restarts; restart++) {
          const active = [...distances.keys()].filter(n => distances[n] > eps)
          if (active.length === 0) break
          const originals = rows(batch.images, active, imageSize)
          const starts = new Float32Array(originals)
          if (restart > 0) startAtRandom(starts, batch, active, threat, restart * classes + target)
          const found = await approachBoundary(
            oracle,
            {
              originals,
              starts,
              labels: active.map(n => batch.labels[n]),
              others: active.map(n => (targeted ? [others[n][target]] : others[n])),
            },
            search,
          )
          for (const [i, n] of active.entries()) {
            distances[n] = Math.min(distances[n], found.distances[i])
            if (distances[n] <= eps) adversarial.set(row(found.nearest, i, imageSize), n * imageSize)
          }
        }
      }
      return { adversarial, bestLoss: distances.map(d => 0 - d), distances }
    },
  })
}

/** The nearest adversarial images that one run of the attack finds, and their distances, Infinity where none. */
async function approachBoundary(
  oracle: Oracle,
  { originals, starts, labels, others }: SearchImages,
  search: Search,
): Promise<{ nearest: Float32Array<ArrayBuffer>; distances: Float64Array }> {
  const { imageSize, classes } = oracle
  const { norm } = search.threat
  const x = new Float32Array(starts)
  const nearest = new Float32Array(originals)
  const distances = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const scratch = { toBoundary: new Float64Array(imageSize), originalToBoundary: new Float64Array(imageSize) }
  for (let step = 0; step < search.steps; step++) {
    const { differences, gradients } = await linearise(oracle, x, labels, others, norm)
    for (let n = 0; n < labels.length; n++) {
      moveToBoundary(
        row(x, n, imageSize),
        row(originals, n, imageSize),
        differences[n],
        row(gradients, n, imageSize),
        search,
        scratch,
      )
    }
    const logits = await oracle.logits(x)
    for (let n = 0; n < labels.length; n++) {
      if (topClass(row(logits, n, classes)) === labels[n]) continue
      const point = row(x, n, imageSize)
      const original = row(originals, n, imageSize)
      const length = distance(original, point, norm)
      if (length < distances[n]) {
        distances[n] = length
        nearest.set(point, n * imageSize)
      }
      for (let i = 0; i < imageSize; i++) point[i] = original[i] + search.beta * (point[i] - original[i])
    }
  }
  return { nearest, distances }
}

/**
 * z_y − z_t and its gradient at each image, for the class t among its `others` whose linearised boundary is nearest. An
 * image whose gradients are not numbers gets zeros.
 */
async function linearise(
  oracle: Oracle,
  x: Float32Array<ArrayBuffer>,
  labels: readonly number[],
  others: readonly (readonly number[])[],
  norm: Norm,
): Promise<{ differences: Float64Array; gradients: Float32Array }> {
  const { imageSize } = oracle
  const nearest = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const differences = new Float64Array(labels.length)
  const gradients = new Float32Array(x.length)
  for (let k = 0; k < others[0].length; k++) {
    const { logits, gradient } = await oracle.differentiate(x, (n, _, cotangent) => {
      cotangent[labels[n]] = 1
      cotangent[others[n][k]] = -1
    })
    for (let n = 0; n < labels.length; n++) {
      const z = row(logits, n, oracle.classes)
      const difference = z[labels[n]] - z[others[n][k]]
      const slope = row(gradient, n, imageSize)
      const toBoundary = Math.abs(difference) / (tiny + dualNorm(slope, norm))
      if (!(toBoundary < nearest[n])) continue
      nearest[n] = toBoundary
      differences[n] = difference
      gradients.set(slope, n * imageSize)
    }
  }
  return { differences, gradients }
}

/**
 * Moves x [C·H·W] just beyond the boundary of the linearised difference, with a bias towards the original image (the
 * biased gradient step of the paper): both are projected onto the boundary, each projection is overshot by eta, and the nearer x is to the
 * boundary, compared with the original, the less the original's counts.
 */
function moveToBoundary(
  x: Float32Array,
  original: Float32Array,
  difference: number,
  gradient: Float32Array,
  { threat, alphaMax, eta }: Search,
  { toBoundary, originalToBoundary }: { toBoundary: Float64Array; originalToBoundary: Float64Array },
): void {
  let atOriginal = difference
  for (let i = 0; i < x.length; i++) atOriginal += gradient[i] * (original[i] - x[i])
  stepToHyperplane(x, gradient, difference, threat, toBoundary)
  stepToHyperplane(original, gradient, atOriginal, threat, originalToBoundary)
  const a = Math.max(vectorNorm(toBoundary, threat.norm), leastStep)
  const b = Math.max(vectorNorm(originalToBoundary, threat.norm), leastStep)
  const alpha = Math.min(a / (a + b), alphaMax)
  for (let i = 0; i < x.length; i++) {
    const fromX = x[i] + eta * toBoundary[i]
    const fromOriginal = original[i] + eta * originalToBoundary[i]
    x[i] = Math.min(threat.high, Math.max(threat.low, (1 - alpha) * fromX + alpha * fromOriginal))
  }
}

/** Adds to each image a random perturbation of norm eps/2, then clips to the box. `step` keys the draws. */
function startAtRandom(
  starts: Float32Array,
  { seed, sampleIds }: HostBatch,
  active: readonly number[],
  { norm, eps, low, high }: ThreatModel,
  step: number,
): void {
  const imageSize = starts.length / active.length
  const noise = new Float64Array(imageSize)
  for (const [n, image] of active.entries()) {
    const draws = new Draws(new RandomStream(seed, Purpose.attackStart, step, sampleIds[image]))
    for (let i = 0; i < imageSize; i++) noise[i] = norm === 'linf' ? 2 * draws.uniform() - 1 : draws.normal()
    const scale = eps / 2 / vectorNorm(noise, norm)
    const start = row(starts, n, imageSize)
    for (let i = 0; i < imageSize; i++) start[i] = Math.min(high, Math.max(low, start[i] + scale * noise[i]))
  }
}

function vectorNorm(vector: Float64Array, norm: Norm): number {
  let largest = 0
  let squares = 0
  for (let i = 0; i < vector.length; i++) {
    largest = Math.max(largest, Math.abs(vector[i]))
    squares += vector[i] * vector[i]
  }
  return norm === 'linf' ? largest : Math.sqrt(squares)
}

/** L1 for L∞, L2 for L2: what an affine function changes at most over a unit of the norm. */
function dualNorm(vector: Float32Array, norm: Norm): number {
  let sum = 0
  let squares = 0
  for (let i = 0; i < vector.length; i++) {
    sum += Math.abs(vector[i])
    squares += vector[i] * vector[i]
  }
  return norm === 'linf' ? sum : Math.sqrt(squares)
}

function checkRange(option: string, value: number, low: number, high = Number.POSITIVE_INFINITY): void {
  if (Number.isFinite(value) && value >= low && value <= high) return
  const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`
  throw new ConfigError(`Expected a number ${range} for ${option} but received ${value}.`, option)
}
