// The best single ticket beside the switch: what a switch must beat to be worth having.
import {
  type Interval,
  meanOfShares,
  type PairedDifference,
  pairedDifference,
} from '../evaluation/statistics.ts'

/**
 * The ticket of largest robust accuracy when it is attacked alone, chosen on one half of the images (those at even places)
 * and reported on the other: the best of several that is chosen and reported on the same images is better there than
 * elsewhere.
 */
export interface BestTicket extends PairedDifference {
  /** Number of the ticket. */
  readonly ticket: number
  /** How many images it was chosen on. */
  readonly chosenOn: number
  /** How many images it is reported on. */
  readonly reportedOn: number
  /** Its robust accuracy on the images reported on; `difference` is the switch's minus its. */
  readonly accuracy: number
  /** 95 %, over images. */
  readonly accuracyInterval: Interval
  /** The robust accuracy of the switch on the same images. */
  readonly switchAccuracy: number
  /** Chosen and reported on all images, which flatters the ticket. */
  readonly onSameImages: PairedDifference & {
    /** Number of the ticket. */
    readonly ticket: number
    /** Its robust accuracy on all images. */
    readonly accuracy: number
  }
}

/**
 * @param alone for each ticket, 1 where it is right when it is attacked alone, [tickets][images]
 * @param robust probability that the switch is right, [images]
 * @returns undefined for a single ticket, or too few images for two halves
 */
export function bestTicket(
  alone: readonly ArrayLike<number>[],
  robust: ArrayLike<number>,
): BestTicket | undefined {
  const images = robust.length
  if (alone.length < 2 || images < 2) return undefined
  const half = (values: ArrayLike<number>, parity: 0 | 1) =>
    Array.from(values).filter((_, n) => n % 2 === parity)
  const best = (candidates: readonly ArrayLike<number>[]) => {
    const accuracies = candidates.map(right => meanOfShares(right).mean)
    return accuracies.indexOf(Math.max(...accuracies))
  }
  const ticket = best(alone.map(right => half(right, 0)))
  const ofTicket = half(alone[ticket], 1)
  const ofSwitch = half(robust, 1)
  const { mean, interval } = meanOfShares(ofTicket)
  const onAll = best(alone)
  return {
    ticket,
    chosenOn: images - ofTicket.length,
    reportedOn: ofTicket.length,
    accuracy: mean,
    accuracyInterval: interval,
    switchAccuracy: meanOfShares(ofSwitch).mean,
    ...pairedDifference(ofSwitch, ofTicket),
    onSameImages: {
      ticket: onAll,
      accuracy: meanOfShares(alone[onAll]).mean,
      ...pairedDifference(robust, alone[onAll]),
    },
  }
}
