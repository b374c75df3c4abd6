// The transfer matrix between tickets (paper, Sec. 6.1 and Fig. 7).
import type { Attack } from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import type { Norm } from '../attacks/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { expectations, sharesOf } from './expectations.ts'
import { type Effort, Scorer, type ScoringOptions } from './scoring.ts'
import { random } from './switch-attack.ts'

export interface TransferOptions extends ScoringOptions {
  /** Makes the adversarial images: `attacks.pgd({ eps: 8 / 255 })` for the paper's PGD-20. */
  attack: Attack
}

export interface TransferMatrix extends Effort {
  readonly images: number
  readonly attack: {
    readonly name: string
    readonly eps: number
    readonly norm: Norm
    /**
     * Whether the attack moved only samples that its ticket still got right, as the official code does, or all
     * (decision D5); it changes what transfers. Undefined where the attack does not say.
     */
    readonly onlyCorrect?: boolean
  }
  /** Accuracy of each ticket on the natural images. */
  readonly natural: readonly number[]
  /** `matrix[i][j]`: accuracy of ticket j on the images made on ticket i. The diagonal is the attack on itself. */
  readonly matrix: readonly (readonly number[])[]
  /** The mean of the matrix: the expected accuracy of a switch attacked through one ticket. */
  readonly mean: number
}

/**
 * All images are handed to the attack, also those that the attacked ticket gets wrong, and an image counts as it is
 * answered, as in the official code. Each is verified (norm, box) before it is scored.
 * @param tickets of one image size and class count, in eval mode
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 * @example
 * const { matrix } = await transferMatrix([t5, t7, t10], data.test, { attack: attacks.pgd({ eps: 8 / 255 }), limit: 1000 })
 */
export async function transferMatrix(
  tickets: readonly Classifier[],
  split: Split,
  { attack, ...options }: TransferOptions,
): Promise<TransferMatrix> {
  const scorer = await Scorer.open(tickets, split, options)
  const adversary = random(attack)
  const scores = await scorer.all(adversary)
  const shares = sharesOf(scores.robust, scores.images)
  const { name, eps, norm, onlyCorrect } = adversary
  return {
    images: scores.images,
    attack: { name, eps, norm, onlyCorrect },
    natural: sharesOf(scores.natural, scores.images),
    matrix: tickets.map((_, i) => shares.slice(i * tickets.length, (i + 1) * tickets.length)),
    mean: expectations(scores).robustAccuracy,
    ...scorer.effort,
  }
}
