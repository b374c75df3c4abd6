// The optimiser's update (native/ops/optim.h).

import { runOp } from '../run.ts'
import type { Tensor } from '../tensor.ts'
import { refuseRest } from './known-options.ts'

export interface SgdOptions {
  lr: number
  momentum: number
  weightDecay: number
}

/** PyTorch's SGD with momentum, in place on parameter and velocity. */
export function sgdStep(
  parameter: Tensor,
  gradient: Tensor,
  velocity: Tensor,
  { lr, momentum, weightDecay, ...rest }: SgdOptions,
): void {
  refuseRest('sgdStep', rest, ['lr', 'momentum', 'weightDecay'])
  runOp(parameter.device, 'sgd_step', [parameter, gradient, velocity], {
    lr,
    momentum,
    weight_decay: weightDecay,
  })
}

/** Overwrites the elements of target, in place. */
export function assign(target: Tensor, value: Tensor): void {
  runOp(target.device, 'assign', [target, value], {})
}
