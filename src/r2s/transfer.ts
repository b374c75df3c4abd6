// The transfer matrix between tickets (paper, Sec. 6.1 and Fig. 7).
import type { Attack } from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import type { Provenance } from '../evaluation/provenance.ts'
import { alone } from '../evaluation/run-lock.ts'
import { type RunOptions, runRows } from '../evaluation/runner.ts'
import { type Interval, meanOfShares, wilsonInterval } from '../evaluation/statistics.ts'
import { attackKind } from '../evaluation/subjects.ts'
import type { Effort } from '../evaluation/tally.ts'
import { callback, required } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import type { Classifier } from '../nn/classifier.ts'
import { expectations, sharesOf, sharesOfImages } from './expectations.ts'
import { Scorer } from './scoring.ts'
import { random } from './switch-attack.ts'

/** Which attack is transferred, and on what. */
export interface TransferOptions extends RunOptions {
  /** Makes the adversarial images: `attacks.pgd({ eps: 8 / 255 })` for the paper's PGD-20. */
  attack: Attack
  /**
   * Awaited before the finished batches in `runDir` are deleted, to write results down: if it throws, the evaluation can
   * still be resumed.
   */
  onComplete?: (matrix: TransferMatrix) => Promise<void>
}

export const transferRows: OptionRows<TransferOptions> = {
  ...runRows,
  attack: required(attackKind),
  onComplete: callback,
}

/** How attacks on one ticket transfer to the others. */
export interface TransferMatrix extends Effort {
  /** How many were attacked. */
  readonly images: number
  /** What made the adversarial images. */
  readonly attack: {
    /** With its main settings, such as 'pgd-20'. */
    readonly name: string
    /** Radius of its ball, pixels in [0, 1]. */
    readonly eps: number
    /** Of its perturbations. */
    readonly norm: Norm
    /**
     * Whether the attack moved only samples that its ticket still got right, as the official code does, or all;
     * it changes what transfers. Undefined where the attack does not say.
     */
    readonly onlyCorrect?: boolean
  }
  /** Accuracy of each ticket on the natural images. */
  readonly natural: readonly number[]
  /**
   * `matrix[i][j]`: share of images that ticket j gets right naturally and as they were made on ticket i. The diagonal is
   * the attack on itself.
   */
  readonly matrix: readonly (readonly number[])[]
  /** The mean of the matrix: the expected accuracy of a switch attacked through one ticket. */
  readonly mean: number
  /** 95 % intervals of `natural`, by Wilson. */
  readonly naturalIntervals: readonly Interval[]
  /** 95 % intervals of `matrix`, by Wilson. */
  readonly intervals: readonly (readonly Interval[])[]
  /** 95 % interval of `mean`, over images. */
  readonly meanInterval: Interval
  /** What all of these are of. */
  readonly provenance: Provenance
}

/**
 * What each ticket gets right of the adversarial images made on each other (Fu et al., NeurIPS 2021, section 6.1 and
 * Fig. 7). All images are handed to the attack, also those that the attacked ticket gets wrong, as in the official
 * code: they may fool others. A ticket counts as right under attack where it is also right about the natural image.
 * Each adversarial image is verified (norm, box, and the answer of the ticket attacked).
 * @param tickets of one image size and class count, in eval mode
 * @param split the images, such as `data.test`
 * @param options attack, number of images, seeds, and where it is kept for a resume
 * @returns the matrix, its mean and intervals
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 * @example
 * import { attacks, datasets, R2S, transferMatrix } from 'rst-native'
 * const { tickets } = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const attack = attacks.pgd({ eps: 8 / 255 })
 * const { matrix, mean } = await transferMatrix(tickets, test, { attack, limit: 1000 })
 * console.log(Math.abs(matrix.flat().reduce((sum, share) => sum + share, 0) / 4 - mean) < 1e-9) // → true
 */
export async function transferMatrix(
  tickets: readonly Classifier[],
  split: Split,
  options: TransferOptions,
): Promise<TransferMatrix> {
  checkOptions('transferMatrix', options, transferRows)
  return alone(options, () => transferAlone(tickets, split, options))
}

async function transferAlone(
  tickets: readonly Classifier[],
  split: Split,
  options: TransferOptions,
): Promise<TransferMatrix> {
  const adversary = random(options.attack)
  const scorer = await Scorer.open('transfer', tickets, split, adversary, options)
  const scores = await scorer.all()
  const shares = sharesOf(scores.robust, scores.images)
  const { name, eps, norm, onlyCorrect } = adversary
  const natural = sharesOf(scores.natural, scores.images)
  const matrix = tickets.map((_, i) => shares.slice(i * tickets.length, (i + 1) * tickets.length))
  const intervalOf = (share: number) => wilsonInterval(share * scores.images, scores.images)
  const found: TransferMatrix = {
    images: scores.images,
    attack: { name, eps, norm, onlyCorrect },
    natural,
    matrix,
    mean: expectations(scores).robustAccuracy,
    naturalIntervals: natural.map(intervalOf),
    intervals: matrix.map(row => row.map(intervalOf)),
    meanInterval: meanOfShares(sharesOfImages(scores).robustAccuracy).interval,
    provenance: await scorer.runner.provenance([adversary]),
    ...scorer.effort,
  }
  return scorer.runner.complete(found, options.onComplete)
}
