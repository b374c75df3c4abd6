// What an attacker may do.
import { ConfigError } from '../../errors.ts'
import { type Kind, number, oneOf } from '../../inputs/kinds.ts'
import { describeValue } from '../../inputs/options.ts'
import { option, requiredOption } from '../../inputs/rows.ts'
import type { Norm, ThreatModel } from '../../tensor/ops/attack.ts'

export type { Norm, ThreatModel }

const isNumber = (value: unknown): value is number => typeof value === 'number'

/** Beyond 1 the whole box lies in the L∞ ball: a radius in levels of 255 was meant. */
const levelsHint = (value: unknown) =>
  isNumber(value) && value > 1 && value <= 255
    ? `; pixels lie in [0, 1]: did you mean ${value}/255?`
    : undefined

/** A size in pixels of [0, 1]. */
export const pixelSize: Kind<number> = { ...number(0), unit: 'pixels' }

/** Of attacks in either norm; `threatModel` knows the norm, and with it the largest radius. */
export const epsRow = requiredOption(pixelSize, 'radius of the ball, pixels in [0, 1]: 8/255 on CIFAR')

/** Of attacks that look for the nearest adversarial image, and so need no radius. */
export const anyEpsRow = requiredOption(
  {
    ...pixelSize,
    expected: 'a number of at least 0, or Infinity for any distance,',
    accepts: value => isNumber(value) && value >= 0,
  },
  'radius of the ball, pixels in [0, 1], or Infinity; it only decides at the end which images count as fooled',
)

/** Of attacks in L∞ only. */
export const linfEpsRow = requiredOption(
  { ...number(0, 1), unit: 'pixels', hint: levelsHint },
  'L∞ radius, pixels in [0, 1]: 8/255 on CIFAR',
)

export const normRow = option(oneOf(['linf', 'l2']), 'linf', 'norm of the perturbation')

/**
 * @param anyDistance allows an eps of Infinity: for attacks that look for the nearest adversarial image, and so need
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
    throw new ConfigError(`Expected 'linf' or 'l2' for norm but received ${describeValue(norm)}.`, 'norm')
  }
  const unlimited = anyDistance && eps === Number.POSITIVE_INFINITY
  if (!unlimited && (!pixelSize.accepts(eps) || (norm === 'linf' && eps > 1))) {
    throw new ConfigError(
      `Expected eps ${norm === 'linf' ? 'from 0 to 1' : 'of at least 0'} but received ${describeValue(eps)}${(norm === 'linf' && levelsHint(eps)) || '.'}`,
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
