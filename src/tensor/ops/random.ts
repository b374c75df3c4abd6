// Random tensors from counter-based streams (native/ops/random.cc): pure functions of their arguments.
import { anyNumber, count, number, numbers, oneOf, required, seed } from '../../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import { Device, deviceKind } from '../device.ts'
import { runOp, runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'

const inits = ['signed-constant', 'normal', 'uniform'] as const
const purposes = ['weight', 'score'] as const
const shapeRow = required(numbers)

export interface RandomWeightOptions {
  init: (typeof inits)[number]
  /** The constant's size, the standard deviation, or the uniform bound. */
  scale: number
  seed: number
  purpose: (typeof purposes)[number]
  /** Index of the layer. */
  layer: number
}

const randomWeightRows: OptionRows<RandomWeightOptions> = {
  init: required(oneOf(inits)),
  scale: required(number(0)),
  seed: required(seed),
  purpose: required(oneOf(purposes)),
  layer: required(count(0)),
}

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

export interface UniformOptions {
  low: number
  high: number
  seed: number
  step: number
}

export interface NormalOptions {
  mean: number
  std: number
  seed: number
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

/** Uniform in [low, high), of the given shape [N, …]; row n is drawn from (seed, step, sampleIds[n]). */
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

/** Normal, of the given shape [N, …]; row n is drawn from (seed, step, sampleIds[n]). */
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
