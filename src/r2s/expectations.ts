// The accuracies of a random switch, computed from who is right on what.
import { type MeanEstimate, meanOfShares } from '../evaluation/statistics.ts'

/** 1 where a ticket is right, 0 where it is wrong. */
export interface SwitchScores {
  readonly images: number
  readonly tickets: number
  /** Adversarial images made of each image: one a ticket attacked, or a single one. */
  readonly rows: number
  /** On the natural images, [tickets, images]. */
  readonly natural: Uint8Array
  /** On the adversarial images, [rows, tickets, images]. */
  readonly robust: Uint8Array
}

/** What a random switch comes to, as expectations over its draws. */
export interface SwitchExpectations {
  /** Mean natural accuracy of the tickets. */
  readonly naturalAccuracy: number
  /** Mean accuracy over attacked tickets and answering tickets, both equally likely and drawn apart. */
  readonly robustAccuracy: number
  /**
   * The same where the adversary attacks, for each image, the ticket after which the fewest tickets are right. With one
   * adversarial image in all it is `robustAccuracy`.
   */
  readonly worstTicket: number
  /** Share of images that every ticket gets right, whichever is attacked. */
  readonly allTickets: number
}

/** Standard error and interval of each expectation, over images: the draws of the switch are in the expectation itself. */
export type Uncertainties = {
  readonly [K in keyof SwitchExpectations]: Pick<MeanEstimate, 'standardError' | 'interval'>
}

/** How many answers are right, image by image: whole numbers, so that sums are exact. */
function countsOf({ images, tickets, rows, natural, robust }: SwitchScores) {
  const counts = () => new Uint32Array(images)
  /** Of `tickets`, of `rows` times `tickets`, and of `tickets` in the row of fewest. */
  const right = { natural: counts(), robust: counts(), fewest: counts().fill(tickets) }
  for (let n = 0; n < images; n++) {
    for (let k = 0; k < tickets; k++) right.natural[n] += natural[k * images + n]
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let k = 0; k < tickets; k++) sum += robust[(r * tickets + k) * images + n]
      right.robust[n] += sum
      right.fewest[n] = Math.min(right.fewest[n], sum)
    }
  }
  return right
}

/** Counts are added as whole numbers and divided once. */
export function expectations(scores: SwitchScores): SwitchExpectations {
  const { images, tickets, rows } = scores
  const { natural, robust, fewest } = countsOf(scores)
  const sum = (counts: Uint32Array) => counts.reduce((total, count) => total + count, 0)
  return {
    naturalAccuracy: sum(natural) / (tickets * images),
    robustAccuracy: sum(robust) / (rows * tickets * images),
    worstTicket: sum(fewest) / (tickets * images),
    allTickets: fewest.filter(count => count === tickets).length / images,
  }
}

/** The probability, for each image, that a switch is right about it: one row an expectation. */
export type SwitchShares = { readonly [K in keyof SwitchExpectations]: Float64Array }

export function sharesOfImages(scores: SwitchScores): SwitchShares {
  const { tickets, rows } = scores
  const { natural, robust, fewest } = countsOf(scores)
  return {
    naturalAccuracy: Float64Array.from(natural, count => count / tickets),
    robustAccuracy: Float64Array.from(robust, count => count / (rows * tickets)),
    worstTicket: Float64Array.from(fewest, count => count / tickets),
    allTickets: Float64Array.from(fewest, count => (count === tickets ? 1 : 0)),
  }
}

export function uncertaintiesOf(shares: SwitchShares): Uncertainties {
  const of = (values: Float64Array) => {
    const { standardError, interval } = meanOfShares(values)
    return { standardError, interval }
  }
  return {
    naturalAccuracy: of(shares.naturalAccuracy),
    robustAccuracy: of(shares.robustAccuracy),
    worstTicket: of(shares.worstTicket),
    allTickets: of(shares.allTickets),
  }
}

/** Shares of 1 in each run of `width` flags. */
export function sharesOf(flags: Uint8Array, width: number): number[] {
  return Array.from({ length: flags.length / width }, (_, i) => {
    let sum = 0
    for (let j = 0; j < width; j++) sum += flags[i * width + j]
    return sum / width
  })
}
