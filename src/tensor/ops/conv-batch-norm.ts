// Convolution and eval-mode batch norm in one pass (native/ops/conv.cc).
import { flag, number } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { ConvInputGradient } from '../conv-gradient.ts'
import { runOp, runOp1 } from '../run.ts'
import { isTracked, recordFusing } from '../tape.ts'
import { type Tensor, tensorKind } from '../tensor.ts'
import { type ConvOptions, convGeometry, convRows, inGroups } from './conv.ts'

/** A convolution with batch norm: its window, and what is done to its result. */
export interface ConvBatchNormOptions extends ConvOptions {
  /** Added to the variance, ≥ 0. Default 1e-5. */
  eps?: number
  /** Apply a ReLU to the result. Default false. */
  relu?: boolean
  /** Added before the ReLU; the shape of the result. Default: nothing. */
  residual?: Tensor
}

const convBatchNormRows: OptionRows<ConvBatchNormOptions> = {
  ...convRows,
  eps: number(0),
  relu: flag,
  residual: tensorKind,
}

/**
 * relu?((conv2d(x, weight) − mean) / √(var + eps) + residual) in one pass; the convolution's own result is never
 * stored. Differentiable to x, weight and residual.
 * @param x [N, C, H, W]
 * @param weight [K, C / groups, R, S]
 * @param runningMean [K], which stays as it is
 * @param runningVar [K], which stays as it is
 * @param options window of the convolution, and what follows the norm
 * @returns [N, K, H', W'], as `conv2d`
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const x = ops.full([1, 1, 4, 4], 1)
 * const weight = ops.full([2, 1, 3, 3], 1)
 * const [mean, variance] = [tensor([0, 9]), tensor([1, 4])]
 * const y = ops.convBatchNorm(x, weight, mean, variance, { stride: 2, padding: 1, relu: true })
 * console.log(y.shape) // → [1, 2, 2, 2]
 */
export function convBatchNorm(
  x: Tensor,
  weight: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  options: ConvBatchNormOptions = {},
): Tensor {
  checkOptions('convBatchNorm', options, convBatchNormRows)
  const { groups = 1, eps = 1e-5, relu = false, residual } = options
  if (groups > 1) {
    return inGroups('convBatchNorm', { x, weight, groups }, expanded =>
      convBatchNorm(x, expanded, runningMean, runningVar, { ...options, groups: 1 }),
    )
  }
  const geometry = convGeometry(options)
  const inputs = [x, weight, residual ?? null]
  const [y, positive] = runOp('conv2d_batch_norm', [x, weight, runningMean, runningVar, residual], {
    ...geometry,
    eps,
    relu,
    positive: relu && inputs.some(isTracked),
  }) as [Tensor, Tensor<'u8'> | null]
  recordFusing(
    inputs,
    [y],
    ([dy], [wantX, wantWeight, wantResidual]) => {
      const [dMaps, dSum] =
        dy instanceof ConvInputGradient
          ? dy.runThroughBatchNorm(positive, runningVar, { eps, sum: wantResidual! })
          : (runOp('batch_norm_eval_grad', [dy, positive, runningVar, null], {
              eps,
              relu,
              residual: wantResidual!,
            }) as [Tensor, Tensor | null])
      positive?.dispose()
      const dWeight = wantWeight
        ? runOp1('conv2d_weight_grad', [x, dMaps], { ...geometry, shape: weight.shape })
        : null
      if (wantX) return [new ConvInputGradient(dMaps, weight, { ...geometry, shape: x.shape }), dWeight, dSum]
      dMaps.dispose()
      return [null, dWeight, dSum]
    },
    { saves: [weight, isTracked(weight) ? x : null] },
  )
  return y
}
