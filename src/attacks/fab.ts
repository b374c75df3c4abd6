// The fast adaptive boundary attack: Croce & Hein, "Minimally distorted Adversarial Examples with a Fast Adaptive
// Boundary Attack" (ICML 2020), as AutoAttack runs it (no final search along the line to the image).
import { ConfigError } from '../errors.ts'
import { count, flag, number } from '../inputs/kinds.ts'
import { type OptionsOf, option, optionalOption } from '../inputs/rows.ts'
import type { Draws } from '../random/draws.ts'
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { stepToHyperplane } from './frame/box-projection.ts'
import { reached } from './frame/goal.ts'
import { hostAttack } from './frame/host-attack.ts'
import type { HostBatch } from './frame/host-batch.ts'
import { bestOther, descending, mostTargets } from './frame/losses.ts'
import { type Oracle, row, rows } from './frame/oracle.ts'
import { drawsOf } from './frame/streams.ts'
import {
  anyEpsRow,
  distance,
  type Norm,
  normRow,
  type ThreatModel,
  threatModel,
} from './frame/threat-model.ts'

export const fabRows = {
  eps: anyEpsRow,
  norm: normRow,
  targeted: option(
    flag,
    true,
    'FAB-T, one target class after the other; false: approach the nearest of all classes',
  ),
  steps: option(count(), 100, 'iterations of each run', { flag: 'steps' }),
  restarts: option(count(), 1, 'random starts', {
    flag: 'restarts',
    more: 'Of each target. The first run starts from the image, the others at random points within half of the least distance found so far.',
  }),
  targets: optionalOption(count(), 'target classes of FAB-T, in the order of their logits on the image', {
    otherwise: `${mostTargets}, or all others if there are fewer`,
    more: 'A run that is given `targets` has one for each image.',
  }),
  alphaMax: option(number(0, 1), 0.1, "most weight of the image's own projection in a step"),
  eta: option(number(1), 1.05, 'how far beyond the boundary a step aims'),
  beta: option(
    number(0, 1),
    0.9,
    'where the search goes on between the image (0) and an adversarial point that it found (1)',
  ),
  untilFooled: option(
    flag,
    false,
    'finish an image with the first run that finds an adversarial image within eps',
    {
      more: 'Random points are within eps/2, as AutoAttack has it: the same images are fooled by less work, but the result has no `distances`.',
    },
  ),
}
/** Options of `attacks.fab`. */
export type FabOptions = OptionsOf<typeof fabRows>

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
  /** Their places in the batch. */
  readonly images: readonly number[]
  /** Classes whose boundaries count, as many for each image. */
  readonly others: readonly (readonly number[])[]
}

/**
 * The fast adaptive boundary attack (Croce & Hein, ICML 2020), as AutoAttack runs it.
 *
 * Looks for the nearest adversarial image: `distances` of the result are the least over all targets and restarts,
 * of any size and whatever eps is, and bestLoss is their negative. A targeted run approaches the boundary between the
 * target and the likeliest other class.
 *
 * For each run of a never fooled image, FAB-T makes 2·steps forward and `steps` backward passes, FAB K·steps and (K −
 * 1)·steps for K classes; and each image has one forward pass before and one after.
 * @throws ConfigError, at `run` for more targets than the model has other classes
 * @example
 * import { attacks, datasets, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const images = Float32Array.from(test.images.subarray(0, 2 * 3072), pixel => pixel / 255)
 * const fab = attacks.fab({ eps: 8 / 255, steps: 20, targeted: true })
 * const { distances } = await fab.run(ticket, images, test.labels.subarray(0, 2))
 * console.log(distances?.every(distance => distance >= 0)) // → true
 */
export const fab: AttackFactory<FabOptions, Attack> = attackFactory(
  {
    name: 'fab',
    title: 'FAB',
    paper: 'Croce & Hein, ICML 2020',
    options: fabRows,
    commands: { fab: { targeted: false }, 'fab-t': { targeted: true } },
  },
  ({ eps, norm, targeted, steps, restarts, targets, alphaMax, eta, beta, untilFooled }) => {
    const threat = threatModel({ eps, norm, anyDistance: true })
    if (!targeted && targets !== undefined) {
      throw new ConfigError(
        'Targets are of FAB-T, one after the other; with targeted false the nearest of all classes is approached: leave targets out.',
        'targets',
      )
    }
    if (untilFooled && eps === Number.POSITIVE_INFINITY) {
      throw new ConfigError(
        'Expected a finite eps with untilFooled: where any distance counts, leave untilFooled out.',
        'untilFooled',
      )
    }
    const search: Search = { threat, steps, alphaMax, eta, beta }
    const runsOf = (classes: number) => (targeted ? (targets ?? Math.min(mostTargets, classes - 1)) : 1)
    const name = targeted ? 'fab-t' : 'fab'
    return hostAttack({
      name,
      threat,
      settings: {
        steps,
        restarts,
        ...(targets !== undefined && { targets }),
        alphaMax,
        eta,
        beta,
        untilFooled,
      },
      passes(classes, toTarget) {
        const iterations = (toTarget ? 1 : runsOf(classes)) * restarts * steps
        return targeted || toTarget
          ? { forwards: 2 + 2 * iterations, backwards: iterations }
          : { forwards: 2 + classes * iterations, backwards: (classes - 1) * iterations }
      },
      check({ numClasses }) {
        if (targets !== undefined && targets >= numClasses) {
          throw new ConfigError(
            `Expected at most ${numClasses - 1} targets for a model of ${numClasses} classes but received ${targets}.`,
            'targets',
          )
        }
      },
      async attackBatch(oracle, batch, natural) {
        const { imageSize, classes } = oracle
        const toTarget = batch.targets !== undefined
        const adversarial = new Float32Array(batch.images)
        const distances = new Float64Array(batch.count).fill(Number.POSITIVE_INFINITY)
        const others = Array.from(batch.labels, (label, n) => {
          const order = descending(row(natural, n, classes))
          return toTarget ? [batch.targets[n]] : order.filter(c => c !== label)
        })
        for (const n of distances.keys()) if (reached(batch, n, row(natural, n, classes))) distances[n] = 0

        /** Where the search of an image ends before all is tried. */
        const enough = untilFooled ? eps : 0
        const runs = toTarget ? 1 : runsOf(classes)
        for (let target = 0; target < runs; target++) {
          for (let restart = 0; restart < restarts; restart++) {
            const active = [...distances.keys()].filter(n => distances[n] > enough)
            if (active.length === 0) break
            const originals = rows(batch.images, active, imageSize)
            const starts = new Float32Array(originals)
            if (restart > 0) {
              const reach = (n: number) =>
                Math.min(distances[n], untilFooled ? eps : boxWidth(norm, imageSize))
              startAtRandom(starts, active, threat, reach, n =>
                drawsOf(name, restart * classes + target, batch, n),
              )
            }
            const found = await approachBoundary(oracle, batch, search, {
              originals,
              starts,
              images: active,
              others: active.map(n =>
                targeted || toTarget ? [others[n][toTarget ? 0 : target]] : others[n],
              ),
            })
            for (const [i, n] of active.entries()) {
              if (!(found.distances[i] < distances[n])) continue
              distances[n] = found.distances[i]
              if (distances[n] <= eps) adversarial.set(row(found.nearest, i, imageSize), n * imageSize)
            }
          }
        }
        const bestLoss = distances.map(d => 0 - d)
        return { adversarial, bestLoss, ...(!untilFooled && { distances }) }
      },
    })
  },
)

/** The nearest adversarial images that one run of the attack finds, and their distances, Infinity where none. */
async function approachBoundary(
  oracle: Oracle,
  batch: HostBatch,
  search: Search,
  { originals, starts, images, others }: SearchImages,
): Promise<{ nearest: Float32Array<ArrayBuffer>; distances: Float64Array }> {
  const { imageSize, classes } = oracle
  const { norm } = search.threat
  const x = new Float32Array(starts)
  const nearest = new Float32Array(originals)
  const distances = new Float64Array(images.length).fill(Number.POSITIVE_INFINITY)
  const scratch = { toBoundary: new Float64Array(imageSize), originalToBoundary: new Float64Array(imageSize) }
  for (let step = 0; step < search.steps; step++) {
    const { differences, gradients } = await linearise(oracle, x, batch, images, others, norm)
    for (let n = 0; n < images.length; n++) {
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
    for (const [n, image] of images.entries()) {
      if (!reached(batch, image, row(logits, n, classes))) continue
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
 * z_y − z_t and its gradient at each image, for the class t among its `others` whose linearised boundary is nearest; in a
 * targeted run y is the likeliest class but the target. An image whose gradients are not numbers gets zeros.
 */
async function linearise(
  oracle: Oracle,
  x: Float32Array<ArrayBuffer>,
  { labels, targets }: HostBatch,
  images: readonly number[],
  others: readonly (readonly number[])[],
  norm: Norm,
): Promise<{ differences: Float64Array; gradients: Float32Array }> {
  const { imageSize } = oracle
  const nearest = new Float64Array(images.length).fill(Number.POSITIVE_INFINITY)
  const differences = new Float64Array(images.length)
  const fromClass = (n: number, logits: Float32Array) =>
    targets ? bestOther(logits, targets[images[n]]) : labels[images[n]]
  const gradients = new Float32Array(x.length)
  for (let k = 0; k < others[0].length; k++) {
    const { logits, gradient } = await oracle.differentiate(x, (n, logits, cotangent) => {
      cotangent[fromClass(n, logits)] = 1
      cotangent[others[n][k]] = -1
    })
    for (let n = 0; n < images.length; n++) {
      const z = row(logits, n, oracle.classes)
      const difference = z[fromClass(n, z)] - z[others[n][k]]
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

/** The largest distance between two images. */
function boxWidth(norm: Norm, imageSize: number): number {
  return norm === 'linf' ? 1 : Math.sqrt(imageSize)
}

/** Adds to each image a random perturbation of half the norm `reach`, then clips to the box. */
function startAtRandom(
  starts: Float32Array,
  active: readonly number[],
  { norm, low, high }: ThreatModel,
  reach: (n: number) => number,
  drawsOfImage: (n: number) => Draws,
): void {
  const imageSize = starts.length / active.length
  const noise = new Float64Array(imageSize)
  for (const [i, n] of active.entries()) {
    const draws = drawsOfImage(n)
    for (let j = 0; j < imageSize; j++) noise[j] = norm === 'linf' ? 2 * draws.uniform() - 1 : draws.normal()
    const scale = reach(n) / 2 / vectorNorm(noise, norm)
    const start = row(starts, i, imageSize)
    for (let j = 0; j < imageSize; j++) start[j] = Math.min(high, Math.max(low, start[j] + scale * noise[j]))
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
