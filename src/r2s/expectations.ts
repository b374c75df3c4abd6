// The accuracies of a random switch, computed from who is right on what.

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

/** Counts are added as whole numbers and divided once. */
export function expectations({ images, tickets, rows, natural, robust }: SwitchScores): SwitchExpectations {
  let right = 0
  let worst = 0
  let all = 0
  for (let n = 0; n < images; n++) {
    let fewest = tickets
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let k = 0; k < tickets; k++) sum += robust[(r * tickets + k) * images + n]
      right += sum
      fewest = Math.min(fewest, sum)
    }
    worst += fewest
    if (fewest === tickets) all++
  }
  const naturallyRight = natural.reduce((sum, flag) => sum + flag, 0)
  return {
    naturalAccuracy: naturallyRight / (tickets * images),
    robustAccuracy: right / (rows * tickets * images),
    worstTicket: worst / (tickets * images),
    allTickets: all / images,
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
