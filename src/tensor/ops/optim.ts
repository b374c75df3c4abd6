// The optimiser's update (native/ops/optim.cc).
import { number, required } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp } from '../run.ts'
import type { Tensor } from '../tensor.ts'

export interface SgdOptions {
  lr: number
  momentum: number
  weightDecay: number
}

const sgdRows: OptionRows<SgdOptions> = {
  lr: required(number(0)),
  momentum: required(number(0)),
  weightDecay: required(number(0)),
}

/** PyTorch's SGD with momentum, in place on parameter and velocity. */
export function sgdStep(parameter: Tensor, gradient: Tensor, velocity: Tensor, options: SgdOptions): void {
  checkOptions('sgdStep', options, sgdRows)
  const { lr, momentum, weightDecay } = options
  runOp('sgd_step', [parameter, gradient, velocity], {
    lr,
    momentum,
    weight_decay: weightDecay,
  })
}

/** Overwrites the elements of target, in place. */
export function assign(target: Tensor, value: Tensor): void {
  runOp('assign', [target, value])
}
