// The update of a projected-gradient attack (native/ops/attack.cc). Not differentiable.
import { anyNumber, count, number, oneOf, required, seed } from '../../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'

/**
 * The norm in which perturbations are measured: 'linf', the largest change of a pixel, or 'l2', the Euclidean length.
 */
export type Norm = 'linf' | 'l2'

/**
 * Perturbations of norm at most eps (in pixel units, pixels in [0, 1]; Infinity: of any norm) that keep pixels in
 * [low, high].
 */
export interface ThreatModel {
  /** In which perturbations are measured. */
  readonly norm: Norm
  /** Radius of the ball, ≥ 0, in pixel units: 8/255 ≈ 0.031. */
  readonly eps: number
  /** The least pixel value, 0. */
  readonly low: number
  /** The largest pixel value, 1. */
  readonly high: number
}

const threatRows: OptionRows<ThreatModel> = {
  norm: required(oneOf(['linf', 'l2'])),
  eps: required(number(0)),
  low: required(anyNumber),
  high: required(anyNumber),
}

/** What keys the draws of `randomStart`. */
export interface RandomStartOptions {
  /** From 0 to 2^53 − 1. */
  seed: number
  /** Tells draws of one seed apart, a whole number ≥ 0: an epoch, a restart. */
  step: number
}

const startRows: OptionRows<RandomStartOptions> = { seed: required(seed), step: required(count(0)) }
const stepSizeRow = required(anyNumber)

const attributes = ({ norm, eps, low, high }: ThreatModel) => ({ norm, eps, low, high })

/**
 * One ascent step from x along the gradient, projected onto the ball about x0 and clipped to the box. Samples whose
 * `active` [N] is 0 stay as they are.
 */
export function attackStep(
  x: Tensor,
  x0: Tensor,
  gradient: Tensor,
  threat: ThreatModel,
  stepSize: number,
  active?: Tensor,
): Tensor {
  checkOptions('attackStep', threat, threatRows)
  checkOption('stepSize', stepSize, stepSizeRow, 'attackStep')
  return runOp1('attack_step', [x, x0, gradient, active], { ...attributes(threat), step_size: stepSize })
}

/**
 * A random point of the ball about each image, uniform in it, then clipped to the box. It is a function of (seed,
 * step, sampleIds[n]) alone. Not differentiable.
 * @param x0 images [N, C, H, W]
 * @param sampleIds numbers of the images, [N]
 * @param threat norm, radius and box
 * @param options what keys the draws
 * @returns [N, C, H, W]
 * @throws ShapeError, ConfigError
 * @example
 * import { attackFrame, ops, tensor } from 'rst-native'
 * const threat = attackFrame.threatModel({ eps: 8 / 255 })
 * const images = ops.full([2, 3, 4, 4], 0.5)
 * const ids = tensor([0, 1], [2], { dtype: 'i32' })
 * const start = ops.randomStart(images, ids, threat, { seed: 0, step: 0 })
 * const [first, second] = await ops.sampleNorm(ops.sub(start, images), 'linf').data()
 * console.log(first <= 8.01 / 255, second <= 8.01 / 255) // → true true
 */
export function randomStart(
  x0: Tensor,
  sampleIds: Tensor<'i32'>,
  threat: ThreatModel,
  options: RandomStartOptions,
): Tensor {
  checkOptions('randomStart', threat, threatRows)
  checkOptions('randomStart', options, startRows)
  const { seed, step } = options
  return runOp1('random_start', [x0, sampleIds], { ...attributes(threat), seed, step })
}
