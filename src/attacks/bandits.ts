// Bandits with time and data priors: Ilyas et al., "Prior Convictions: Black-Box Adversarial Attacks with Bandits and
// Priors" (ICLR 2019), Algorithms 1 to 3, with the settings of the authors' code for ImageNet.
import { ConfigError } from '../errors.ts'
import { count, number } from '../inputs/kinds.ts'
import { computed, type OptionsOf, option, optionalOption } from '../inputs/rows.ts'
import type { Draws } from '../random/draws.ts'
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { reached } from './frame/goal.ts'
import { type HostBatchResult, hostAttack } from './frame/host-attack.ts'
import type { HostBatch } from './frame/host-batch.ts'
import { lossFor } from './frame/losses.ts'
import { type Oracle, row } from './frame/oracle.ts'
import { drawsOf } from './frame/streams.ts'
import { epsRow, type Norm, normRow, type ThreatModel, threatModel } from './frame/threat-model.ts'

type Rates = Readonly<
  Record<'fdEta' | 'exploration' | 'imageLearningRate' | 'onlineLearningRate' | 'iterations', number>
>

const rate = (linf: number, l2: number, help: string) =>
  option(
    number(0, undefined, { above: true }),
    computed(`${linf} (in l2 ${l2})`, ({ norm }: { norm: Norm }) => (norm === 'linf' ? linf : l2)),
    help,
  )

export const banditsRows = {
  eps: epsRow,
  norm: normRow,
  queries: option(
    { ...count(2), expected: 'a whole number of at least 2, two an iteration,' },
    10_000,
    'loss queries for each image, two an iteration',
    {
      flag: 'queries',
      more: 'As in the paper the pass that sees whether the image of an iteration fools the model is not among them (but among the `forwards` of the result).',
    },
  ),
  fdEta: rate(0.1, 0.01, 'L2 size of the finite differences'),
  exploration: rate(1, 0.01, 'size of the random directions around the prior'),
  imageLearningRate: rate(0.01, 0.5, 'step of the image'),
  onlineLearningRate: rate(100, 0.1, 'step of the prior'),
  tile: optionalOption(
    count(),
    'height and width of the prior, each of whose values belongs to a rectangle of pixels',
    {
      otherwise: "the paper's 50 on 224 pixels for each side in proportion, at least 4",
      more: 'From 1 to the longer side of the image; a shorter side has one value a pixel at most. By default 7 on 32 pixels, 6 on 28.',
    },
  ),
}
/** Options of `attacks.bandits`. */
export type BanditsOptions = OptionsOf<typeof banditsRows>

/**
 * Bandits with time and data priors (Ilyas et al., ICLR 2019, Algorithms 1 to 3).
 *
 * Gradient ascent on the cross-entropy by logits alone: a prior of the gradient, learnt from one finite difference
 * an iteration, moves the image by its sign (L∞) or its direction (L2). The prior itself moves by exponentiated
 * gradients (L∞) or by gradients (L2). All draws are made for each image.
 *
 * An image that is wrong, or becomes so, is kept as it is and gets no further query; of one that resists the iterate
 * of largest loss comes back. In a targeted run the loss is minus the cross-entropy to the target. The `queries` of
 * the result are loss queries, as those of the option. Queries are clamped to the box [0, 1], which the authors' code
 * lets them leave. Passes of an image that resists: one to see whether it is right at all, 3·⌊queries/2⌋, one to
 * check.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const images = Float32Array.from(test.images.subarray(0, 2 * 3072), pixel => pixel / 255)
 * const bandits = attacks.bandits({ eps: 8 / 255, queries: 200 })
 * const { queries } = await bandits.run(ticket, images, test.labels.subarray(0, 2))
 * console.log(queries?.every(count => count <= 200)) // → true
 */
export const bandits: AttackFactory<BanditsOptions, Attack> = attackFactory(
  { name: 'bandits', title: 'Bandits', paper: 'Ilyas et al., ICLR 2019', options: banditsRows },
  ({ eps, norm, queries, tile, ...chosen }) => {
    const threat = threatModel({ eps, norm })
    const rates: Rates = { ...chosen, iterations: Math.floor(queries / 2) }
    return hostAttack({
      name: 'bandits',
      threat,
      settings: { queries, ...rates, ...(tile !== undefined && { tile }) },
      passes: () => ({ forwards: 2 + 3 * rates.iterations, backwards: 0 }),
      check: ({ inputShape }) => checkTile(tile, inputShape),
      attackBatch: (oracle, batch, natural) => attackBatch(oracle, batch, natural, threat, rates, tile),
    })
  },
)

function checkTile(tile: number | undefined, [, height, width]: readonly [number, number, number]): void {
  const largest = Math.max(height, width)
  if (tile === undefined || tile <= largest) return
  throw new ConfigError(
    `Expected a whole number from 1 to ${largest}, the side of the images, for tile but received ${tile}.`,
    'tile',
  )
}

/** An image under attack. */
interface Iterate {
  /** Its place in the batch. */
  readonly n: number
  readonly draws: Draws
  /** [C·H·W] */
  readonly image: Float32Array
  /**
   * What the prior adds up, [C·tiles]: the prior itself in L2; in L∞ its inverse hyperbolic tangent, in which an
   * exponentiated gradient step on [−1, 1] is a sum.
   */
  readonly total: Float64Array
  readonly prior: Float64Array
  readonly noise: Float64Array
}

async function attackBatch(
  oracle: Oracle,
  batch: HostBatch,
  natural: Float32Array,
  { norm, eps }: ThreatModel,
  { fdEta, exploration, imageLearningRate, onlineLearningRate, iterations }: Rates,
  tile: number | undefined,
): Promise<HostBatchResult> {
  const { imageSize, classes } = oracle
  const { sources, pixels } = tilingOf(oracle.model.inputShape, tile)
  const priorSize = pixels.length
  const change = new Float64Array(priorSize)
  const scratch = new Float64Array(classes)
  const loss = lossFor('ce', batch.targets !== undefined)
  const lossOf = (logits: Float32Array, k: number, n: number) =>
    loss(row(logits, k, classes), batch.labels[n], scratch, batch.targets?.[n] ?? -1)

  const adversarial = batch.images.slice()
  const bestLoss = new Float64Array(batch.count)
  let iterates: Iterate[] = []
  const queries = new Int32Array(batch.count)
  for (let n = 0; n < batch.count; n++) {
    bestLoss[n] = lossOf(natural, n, n)
    if (reached(batch, n, row(natural, n, classes))) continue
    iterates.push({
      n,
      draws: drawsOf('bandits', 0, batch, n),
      image: row(batch.images, n, imageSize).slice(),
      total: new Float64Array(priorSize),
      prior: new Float64Array(priorSize),
      noise: new Float64Array(priorSize),
    })
  }

  const probes = new Float32Array(2 * iterates.length * imageSize)
  for (let iteration = 0; iteration < iterations && iterates.length > 0; iteration++) {
    for (const [k, { draws, image, prior, noise }] of iterates.entries()) {
      for (let i = 0; i < priorSize; i++) noise[i] = (exploration * draws.normal()) / Math.sqrt(priorSize)
      for (const [probe, sign] of [
        [2 * k, 1],
        [2 * k + 1, -1],
      ]) {
        for (let i = 0; i < priorSize; i++) change[i] = prior[i] + sign * noise[i]
        rescale(change, fdEta, pixels)
        writeProbe(row(probes, probe, imageSize), image, change, sources)
      }
    }
    const differences = await oracle.logits(probes.subarray(0, 2 * iterates.length * imageSize))
    for (const [k, { n, image, total, prior, noise }] of iterates.entries()) {
      queries[n] += 2
      const derivative =
        (lossOf(differences, 2 * k, n) - lossOf(differences, 2 * k + 1, n)) / (fdEta * exploration)
      for (let i = 0; i < priorSize; i++) {
        total[i] += onlineLearningRate * derivative * noise[i]
        prior[i] = norm === 'linf' ? Math.tanh(total[i]) : total[i]
      }
      const original = row(batch.images, n, imageSize)
      if (norm === 'linf') {
        for (let i = 0; i < priorSize; i++) change[i] = imageLearningRate * Math.sign(prior[i])
        stepLinf(image, original, change, sources, eps)
      } else {
        change.set(prior)
        rescale(change, imageLearningRate, pixels)
        stepL2(image, original, change, sources, eps)
      }
      probes.set(image, k * imageSize)
    }
    const answers = await oracle.logits(probes.subarray(0, iterates.length * imageSize))
    iterates = iterates.filter(({ n, image }, k) => {
      const fooled = reached(batch, n, row(answers, k, classes))
      const loss = lossOf(answers, k, n)
      if (fooled || loss > bestLoss[n]) {
        adversarial.set(image, n * imageSize)
        bestLoss[n] = loss
      }
      return !fooled
    })
  }
  return { adversarial, bestLoss, queries }
}

interface Tiling {
  /** Which value of the prior each pixel takes, [C·H·W]. */
  readonly sources: Int32Array
  /** Pixels of each value, [C·rows·columns]. */
  readonly pixels: Int32Array
}

function tilingOf(
  [channels, height, width]: readonly [number, number, number],
  tile: number | undefined,
): Tiling {
  const along = (side: number) => Math.min(tile ?? Math.max(Math.round((50 / 224) * side), 4), side)
  const [tileRows, tileColumns] = [along(height), along(width)]
  const sources = new Int32Array(channels * height * width)
  const pixels = new Int32Array(channels * tileRows * tileColumns)
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const tileRow = Math.floor((y * tileRows) / height)
        const tileColumn = Math.floor((x * tileColumns) / width)
        const source = (c * tileRows + tileRow) * tileColumns + tileColumn
        sources[(c * height + y) * width + x] = source
        pixels[source]++
      }
    }
  }
  return { sources, pixels }
}

/** Scales values of the prior so that their image has the L2 norm `size`; zeros stay. */
function rescale(values: Float64Array, size: number, pixels: Int32Array): void {
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += pixels[i] * values[i] * values[i]
  const scale = squares > 0 ? size / Math.sqrt(squares) : 0
  for (let i = 0; i < values.length; i++) values[i] *= scale
}

/** image + change, in the box. */
function writeProbe(
  probe: Float32Array,
  image: Float32Array,
  change: Float64Array,
  sources: Int32Array,
): void {
  for (let i = 0; i < probe.length; i++) probe[i] = clamp(image[i] + change[sources[i]], 0, 1)
}

/** image + change, back into the L∞ ball and the box. */
function stepLinf(
  image: Float32Array,
  original: Float32Array,
  change: Float64Array,
  sources: Int32Array,
  eps: number,
): void {
  for (let i = 0; i < image.length; i++) {
    const moved = image[i] + change[sources[i]]
    image[i] = clamp(clamp(moved, original[i] - eps, original[i] + eps), 0, 1)
  }
}

/** image + change, back into the L2 ball by scaling, then into the box. */
function stepL2(
  image: Float32Array,
  original: Float32Array,
  change: Float64Array,
  sources: Int32Array,
  eps: number,
): void {
  let squares = 0
  for (let i = 0; i < image.length; i++) {
    const moved = image[i] + change[sources[i]] - original[i]
    squares += moved * moved
  }
  const shrink = squares > eps * eps ? eps / Math.sqrt(squares) : 1
  for (let i = 0; i < image.length; i++) {
    const moved = image[i] + change[sources[i]] - original[i]
    image[i] = clamp(original[i] + shrink * moved, 0, 1)
  }
}

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value
}
