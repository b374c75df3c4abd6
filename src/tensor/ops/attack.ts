// The update of a projected-gradient attack (native/ops/attack.cc). Not differentiable.
import { anyNumber, count, number, oneOf, required, seed } from '../../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'

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

const threatRows: OptionRows<ThreatModel> = {
  norm: required(oneOf(['linf', 'l2'])),
  eps: required(number(0)),
  low: required(anyNumber),
  high: required(anyNumber),
}

export interface RandomStartOptions {
  seed: number
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

/** A random point of the ball about x0, clipped to the box; drawn per sample from (seed, step, sampleIds[n]). */
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
