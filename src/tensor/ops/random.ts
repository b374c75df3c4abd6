// Random tensors from counter-based streams (native/ops/random.h): pure functions of their arguments.

import { oneOf, required } from '../../inputs/kinds.ts'
import { checkOption } from '../../inputs/options.ts'
import { Device } from '../device.ts'
import { runOp, runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'
import { refuseRest } from './known-options.ts'

const inits = { 'signed-constant': 0, normal: 1, uniform: 2 } as const
const purposes = { weight: 1, score: 2 } as const
const initRow = required(oneOf(Object.keys(inits)))
const purposeRow = required(oneOf(Object.keys(purposes)))

export interface RandomWeightOptions {
  init: keyof typeof inits
  /** The constant's size, the standard deviation, or the uniform bound. */
  scale: number
  seed: number
  purpose: keyof typeof purposes
  /** Index of the layer. */
  layer: number
}

export function randomWeight(
  shape: readonly number[],
  { init, scale, seed, purpose, layer, ...rest }: RandomWeightOptions,
  device = Device.default,
): Tensor {
  refuseRest('randomWeight', rest, ['init', 'scale', 'seed', 'purpose', 'layer'])
  checkOption('init', init, initRow, 'randomWeight')
  checkOption('purpose', purpose, purposeRow, 'randomWeight')
  return runOp(device, 'random_weight', [], {
    shape,
    init: inits[init],
    scale,
    seed,
    purpose: purposes[purpose],
    layer,
  })[0] as Tensor
}

/** Uniform in [low, high), of the given shape [N, …]; row n is drawn from (seed, step, sampleIds[n]). */
export function uniformNoise(
  sampleIds: Tensor<'i32'>,
  shape: readonly number[],
  { low, high, seed, step, ...rest }: { low: number; high: number; seed: number; step: number },
): Tensor {
  refuseRest('uniformNoise', rest, ['low', 'high', 'seed', 'step'])
  return runOp1('uniform_noise', [sampleIds], { shape, low, high, seed, step })
}

/** Normal, of the given shape [N, …]; row n is drawn from (seed, step, sampleIds[n]). */
export function normalNoise(
  sampleIds: Tensor<'i32'>,
  shape: readonly number[],
  { mean, std, seed, step, ...rest }: { mean: number; std: number; seed: number; step: number },
): Tensor {
  refuseRest('normalNoise', rest, ['mean', 'std', 'seed', 'step'])
  return runOp1('normal_noise', [sampleIds], { shape, mean, std, seed, step })
}
