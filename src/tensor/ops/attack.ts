// The update of a projected-gradient attack (native/ops/attack.h). Not differentiable.

import type { ThreatModel } from '../../attacks/threat-model.ts'
import { runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'
import { refuseRest } from './known-options.ts'

const attributes = ({ norm, eps, low, high }: ThreatModel) => ({
  norm: norm === 'linf' ? 0 : 1,
  eps,
  low,
  high,
})

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
  return runOp1('attack_step', [x, x0, gradient, active], { ...attributes(threat), step_size: stepSize })
}

/** A random point of the ball about x0, clipped to the box; drawn per sample from (seed, step, sampleIds[n]). */
export function randomStart(
  x0: Tensor,
  sampleIds: Tensor<'i32'>,
  threat: ThreatModel,
  { seed, step, ...rest }: { seed: number; step: number },
): Tensor {
  refuseRest('randomStart', rest, ['seed', 'step'])
  return runOp1('random_start', [x0, sampleIds], { ...attributes(threat), seed, step })
}
