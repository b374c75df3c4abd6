// The optimiser's update (native/ops/optim.cc).
import { number, required } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { checkTensor, runOp } from '../run.ts'
import type { Tensor } from '../tensor.ts'

/** Of one step of SGD. */
export interface SgdOptions {
  /** Learning rate, ≥ 0. */
  lr: number
  /** Share of the velocity that stays, ≥ 0: 0.9. */
  momentum: number
  /** Times the parameter, added to its gradient, ≥ 0: 5e-4. */
  weightDecay: number
}

const sgdRows: OptionRows<SgdOptions> = {
  lr: required(number(0)),
  momentum: required(number(0)),
  weightDecay: required(number(0)),
}

/**
 * A step of SGD with momentum, as PyTorch has it, in place: velocity ← momentum · velocity + gradient + weightDecay
 * · parameter, parameter ← parameter − lr · velocity.
 * @param parameter of any shape, which is changed
 * @param gradient of the same shape
 * @param velocity of the same shape, which is changed; zeros before the first step
 * @param options learning rate, momentum and weight decay
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const [parameter, velocity] = [tensor([1, 2]), tensor([0, 0])]
 * ops.sgdStep(parameter, tensor([1, -1]), velocity, { lr: 0.1, momentum: 0.9, weightDecay: 0 })
 * console.log(await parameter.data()) // → [0.9, 2.1]
 */
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
