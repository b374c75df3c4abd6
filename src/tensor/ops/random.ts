// Random tensors from counter-based streams (native/ops/random.cc): pure functions of their arguments.
import { anyNumber, count, number, numbers, oneOf, required, seed } from '../../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import { Device, deviceKind } from '../device.ts'
import { runOp, runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'

const inits = ['signed-constant', 'normal', 'uniform'] as const
const purposes = ['weight', 'score'] as const
const shapeRow = required(numbers)

/** The distribution of random weights, and what keys their draws. */
export interface RandomWeightOptions {
  /** Signs of one size at random, a normal or a uniform distribution, each about 0. */
  init: (typeof inits)[number]
  /** The constant's size, the standard deviation, or the uniform bound, ≥ 0. */
  scale: number
  /** From 0 to 2^53 − 1. */
  seed: number
  /** Tells the draws of weights and scores of one seed apart. */
  purpose: (typeof purposes)[number]
  /** Index of the layer, a whole number ≥ 0. */
  layer: number
}

const randomWeightRows: OptionRows<RandomWeightOptions> = {
  init: required(oneOf(inits)),
  scale: required(number(0)),
  seed: required(seed),
  purpose: required(oneOf(purposes)),
  layer: required(count(0)),
}

/**
 * Random weights: entry i is a function of (seed, purpose, layer, i) and the distribution alone, the same on every
 * machine.
 * @param shape of rank 0 to 4
 * @param device default `Device.default`
 * @param options distribution, and what keys the draws
 * @throws ConfigError, ShapeError
 * @example
 * import { ops } from 'rst-native'
 * const weight = ops.randomWeight([16, 3, 3, 3], {
 *   init: 'signed-constant',
 *   scale: Math.sqrt(2 / 27),
 *   seed: 0,
 *   purpose: 'weight',
 *   layer: 0,
 * })
 * console.log((await weight.data()).every(w => Math.abs(Math.abs(w) - 0.2722) < 1e-4)) // → true
 */
export function randomWeight(
  shape: readonly number[],
  options: RandomWeightOptions,
  device = Device.default,
): Tensor {
  checkOption('shape', shape, shapeRow, 'randomWeight')
  checkOptions('randomWeight', options, randomWeightRows)
  checkOption('device', device, deviceKind, 'randomWeight')
  const { init, scale, seed, purpose, layer } = options
  const draw = { shape, init, scale, seed, purpose, layer }
  return runOp('random_weight', [], draw, device)[0] as Tensor
}

/** Bounds of uniform noise, and what keys its draws. */
export interface UniformOptions {
  /** The least value. */
  low: number
  /** The bound above, not reached. */
  high: number
  /** From 0 to 2^53 − 1. */
  seed: number
  /** Tells draws of one seed apart, a whole number ≥ 0. */
  step: number
}

/** Moments of normal noise, and what keys its draws. */
export interface NormalOptions {
  /** The expectation. */
  mean: number
  /** The standard deviation, ≥ 0. */
  std: number
  /** From 0 to 2^53 − 1. */
  seed: number
  /** Tells draws of one seed apart, a whole number ≥ 0. */
  step: number
}

const streamRows = { seed: required(seed), step: required(count(0)) }
const uniformRows: OptionRows<UniformOptions> = {
  low: required(anyNumber),
  high: required(anyNumber),
  ...streamRows,
}
const normalRows: OptionRows<NormalOptions> = {
  mean: required(anyNumber),
  std: required(number(0)),
  ...streamRows,
}

/**
 * Uniform noise in [low, high). Row n is a function of (seed, step, sampleIds[n]) alone, whatever stands beside it.
 * @param sampleIds [N]
 * @param shape [N, …]
 * @param options bounds, and what keys the draws
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const ids = tensor([7, 7], [2], { dtype: 'i32' })
 * const noise = ops.uniformNoise(ids, [2, 3], { low: 0, high: 1, seed: 0, step: 0 })
 * const [a, , , b] = await noise.data()
 * console.log(a === b, a >= 0 && a < 1) // → true true
 */
export function uniformNoise(
  sampleIds: Tensor<'i32'>,
  shape: readonly number[],
  options: UniformOptions,
): Tensor {
  checkOption('shape', shape, shapeRow, 'uniformNoise')
  checkOptions('uniformNoise', options, uniformRows)
  const { low, high, seed, step } = options
  return runOp1('uniform_noise', [sampleIds], { shape, low, high, seed, step })
}

/**
 * Normal noise. Row n is a function of (seed, step, sampleIds[n]) alone, whatever stands beside it.
 * @param sampleIds [N]
 * @param shape [N, …]
 * @param options moments, and what keys the draws
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const ids = tensor([0, 1], [2], { dtype: 'i32' })
 * const noise = ops.normalNoise(ids, [2, 5000], { mean: 1, std: 0.1, seed: 0, step: 0 })
 * const [mean] = await ops.mean(noise).data()
 * console.log(Math.abs(mean - 1) < 0.01) // → true
 */
export function normalNoise(
  sampleIds: Tensor<'i32'>,
  shape: readonly number[],
  options: NormalOptions,
): Tensor {
  checkOption('shape', shape, shapeRow, 'normalNoise')
  checkOptions('normalNoise', options, normalRows)
  const { mean, std, seed, step } = options
  return runOp1('normal_noise', [sampleIds], { shape, mean, std, seed, step })
}
