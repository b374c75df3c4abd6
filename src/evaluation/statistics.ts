// How far the numbers of an evaluation may be off: intervals are of 95 %, and images are taken as drawn at random from
// all images of their kind. What attacks and switches draw is not in them.

/** Both ends of a 95 % interval. */
export type Interval = readonly [low: number, high: number]

/** 97.5 % quantile of the normal distribution. */
const z = 1.959963984540054

/**
 * The interval of Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927), for a
 * probability of which `right` of `draws` draws came true. No draws leave [0, 1].
 */
export function wilsonInterval(right: number, draws: number): Interval {
  return draws > 0 ? wilson(right / draws, draws) : [0, 1]
}

function wilson(share: number, draws: number): Interval {
  const centre = share + (z * z) / (2 * draws)
  const half = z * Math.sqrt((share * (1 - share)) / draws + (z * z) / (4 * draws * draws))
  const scale = 1 + (z * z) / draws
  return [Math.max(0, (centre - half) / scale), Math.min(1, (centre + half) / scale)]
}

/** A mean over images, and how sure it is. */
export interface MeanEstimate {
  /** Over the images. */
  readonly mean: number
  /** Of the mean, over images. */
  readonly standardError: number
  /** 95 %. */
  readonly interval: Interval
}

/**
 * The mean over images of a share in [0, 1] an image, such as the probability that a switch is right. Its interval is
 * Wilson's for as many images right or wrong as would have the same standard error: for shares of 0 and 1 Wilson's itself.
 */
export function meanOfShares(shares: ArrayLike<number>): MeanEstimate {
  const count = shares.length
  const { mean, squares } = moments(shares)
  if (count === 0) return { mean, standardError: Number.NaN, interval: [0, 1] }
  const spread = Math.max(0, squares - mean * mean)
  const standardError = Math.sqrt(spread / Math.max(1, count - 1))
  const certain = mean <= 0 || mean >= 1
  // Infinitely many where all shares are the same, between 0 and 1: they have no spread.
  const draws = certain ? count : (count * mean * (1 - mean)) / spread
  return { mean, standardError, interval: Number.isFinite(draws) ? wilson(mean, draws) : [mean, mean] }
}

/** Two models compared on the same images. */
export interface PairedDifference {
  /** Mean of a − b over the images. */
  readonly difference: number
  /** Of the difference, over images. */
  readonly standardError: number
  /**
   * Σ(a − b) / √Σ(a − b)²: about a standard normal deviate if neither is better. For shares of 0 and 1 the root of
   * McNemar's χ². 0 where a and b are the same everywhere.
   */
  readonly z: number
  /**
   * Of Agresti & Min, "Simple Improved Confidence Intervals for Comparing Matched Proportions" (2005): as if two more
   * images had been seen that differ by half.
   */
  readonly interval: Interval
}

/**
 * Two models on the same images, a and b in [0, 1] an image: the images' difficulty, in common to both, falls out of the
 * difference.
 * @throws RangeError for a and b of different lengths
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>): PairedDifference {
  if (a.length !== b.length) {
    throw new RangeError(`Expected the same images twice but received ${a.length} and ${b.length}.`)
  }
  const count = a.length
  const differences = Float64Array.from({ length: count }, (_, n) => a[n] - b[n])
  const { mean, squares } = moments(differences)
  if (count === 0) return { difference: mean, standardError: Number.NaN, z: 0, interval: [-1, 1] }
  const standardError = Math.sqrt(Math.max(0, squares - mean * mean) / Math.max(1, count - 1))
  const more = count + 2
  const centre = (count * mean) / more
  const half = z * Math.sqrt(((count * squares + 1) / more - centre * centre) / more)
  return {
    difference: mean,
    standardError,
    z: squares > 0 ? (mean * Math.sqrt(count)) / Math.sqrt(squares) : 0,
    interval: [Math.max(-1, centre - half), Math.min(1, centre + half)],
  }
}

/** Means of the values and of their squares; NaN of none. */
function moments(values: ArrayLike<number>): { mean: number; squares: number } {
  let sum = 0
  let squares = 0
  for (let n = 0; n < values.length; n++) {
    sum += values[n]
    squares += values[n] * values[n]
  }
  return { mean: sum / values.length, squares: squares / values.length }
}

/**
 * The value below which the share `q` of the values lies, interpolated between neighbours. Values may be Infinity.
 * NaN of none.
 * @param sorted in ascending order
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = q * (sorted.length - 1)
  const below = Math.floor(at)
  const share = at - below
  // Infinity is not interpolated with itself, nor weighed by 0.
  if (share === 0 || sorted[below] === sorted[below + 1]) return sorted[below]
  return sorted[below] + share * (sorted[below + 1] - sorted[below])
}

const quantileLevels = [0.1, 0.25, 0.5, 0.75, 0.9] as const

/** How near the nearest adversarial images are, in the attack's norm. */
export interface DistanceSummary {
  /** Images that were attacked: those that the model gets right. */
  readonly attacked: number
  /** Of these, images for which an adversarial one was found, at whatever distance. */
  readonly found: number
  /** Infinity (in JSON null) where none was found for half of the images or more. */
  readonly median: number
  /** By level, such as 0.1: the distance within which that share of the attacked images has an adversarial one. */
  readonly quantiles: Readonly<Record<'0.1' | '0.25' | '0.5' | '0.75' | '0.9', number>>
}

/** @param distances of the attacked images; Infinity where no adversarial image was found */
export function summariseDistances(distances: ArrayLike<number>): DistanceSummary {
  const sorted = Float64Array.from(distances).sort()
  const found = sorted.findLastIndex(distance => distance < Number.POSITIVE_INFINITY) + 1
  const quantiles = Object.fromEntries(quantileLevels.map(level => [`${level}`, quantile(sorted, level)]))
  return {
    attacked: sorted.length,
    found,
    median: quantile(sorted, 0.5),
    quantiles: quantiles as DistanceSummary['quantiles'],
  }
}
