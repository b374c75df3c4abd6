// The optimiser's update (native/ops/optim.cc).
import { number, required } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { checkTensor, runOp } from '../run.ts'
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

/** Overwrites the elements of target, in place; f32, or u8 for masks. */
export function assign<D extends 'f32' | 'u8'>(target: Tensor<D>, value: Tensor<D>): void {
  checkTensor('assign', 'target', target)
  runOp(target.dtype === 'u8' ? 'assign_mask' : 'assign', [target, value])
}
