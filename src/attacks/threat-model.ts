// What an attacker may do.
import { ConfigError } from '../errors.ts'

export type Norm = 'linf' | 'l2'

/**
 * Perturbations of norm at most eps (in pixel units, pixels in [0, 1]; Infinity: of any norm) that keep pixels in
 * [low, high].
 */
export interface ThreatModel {
  readonly norm: Norm
  readonly eps: number
  readonly low: number
  readonly high: number
}

/**
 * @param anyDistance allows an L2 eps of Infinity: for attacks that look for the nearest adversarial image, and so need
 * no radius. Default false
 * @throws ConfigError for a norm or eps out of range.
 */
export function threatModel({
  eps,
  norm = 'linf',
  anyDistance = false,
}: {
  eps: number
  norm?: Norm
  anyDistance?: boolean
}): ThreatModel {
  if (norm !== 'linf' && norm !== 'l2') {
    throw new ConfigError(`Expected 'linf' or 'l2' for norm but received '${norm}'.`, 'norm')
  }
  const unlimited = anyDistance && norm === 'l2' && eps === Number.POSITIVE_INFINITY
  if (!unlimited && (!Number.isFinite(eps) || eps < 0 || (norm === 'linf' && eps > 1))) {
    const hint = norm === 'linf' && eps > 1 ? `; pixels lie in [0, 1]: did you mean ${eps}/255?` : '.'
    throw new ConfigError(
      `Expected eps ${norm === 'linf' ? 'from 0 to 1' : 'of at least 0'} but received ${eps}${hint}`,
      'eps',
    )
  }
  return { norm, eps, low: 0, high: 1 }
}

/** Slack for the norm and the box: rounding in f32. */
const tolerance = 1e-6

/** The norm of adversarial − natural. */
export function distance(natural: Float32Array, adversarial: Float32Array, norm: Norm): number {
  let largest = 0
  let squares = 0
  for (let i = 0; i < natural.length; i++) {
    const difference = adversarial[i] - natural[i]
    largest = Math.max(largest, Math.abs(difference))
    squares += difference * difference
  }
  return norm === 'linf' ? largest : Math.sqrt(squares)
}

/** Whether an adversarial image is in the ball around the natural one and in the box, up to rounding. */
export function insideThreat(
  natural: Float32Array,
  adversarial: Float32Array,
  { norm, eps, low, high }: ThreatModel,
): boolean {
  for (const value of adversarial) if (!(value >= low - tolerance && value <= high + tolerance)) return false
  return distance(natural, adversarial, norm) <= eps + tolerance
}
