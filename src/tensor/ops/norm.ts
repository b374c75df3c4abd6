// Batch normalisation with what always follows it (native/ops/norm.cc).
import { flag, number, oneOf, required } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp, runOp1 } from '../run.ts'
import { scope } from '../scope.ts'
import { isTracked, record } from '../tape.ts'
import { type Tensor, tensorKind } from '../tensor.ts'

/** Which statistics a batch norm uses, and what follows it. */
export interface BatchNormOptions {
  /** 'train' uses the batch's statistics and moves the running ones; 'eval' uses the running ones. */
  mode: 'train' | 'eval'
  /** Added to the variance, ≥ 0. Default 1e-5. */
  eps?: number
  /** Share of the batch in the new running statistics, in [0, 1]. Default 0.1. */
  momentum?: number
  /** Apply a ReLU to the result. Default false. */
  relu?: boolean
  /** Added before the ReLU; the shape of x. Default: nothing. */
  residual?: Tensor
  /** Scale of each channel [C]; with beta or not at all. Default 1. */
  gamma?: Tensor
  /** Shift of each channel [C]; with gamma or not at all. Default 0. */
  beta?: Tensor
}

const batchNormRows: OptionRows<BatchNormOptions> = {
  mode: required(oneOf(['train', 'eval'])),
  eps: number(0),
  momentum: number(0, 1),
  relu: flag,
  residual: tensorKind,
  gamma: tensorKind,
  beta: tensorKind,
}

/**
 * relu?((x − mean) / √(var + eps) · gamma + beta + residual), by channel (Ioffe & Szegedy, ICML 2015).
 * Differentiable to x, residual, gamma and beta.
 * @param x [N, C, H, W]
 * @param runningMean [C]; in 'train' mode updated in place, on every forward pass
 * @param runningVar [C], as runningMean
 * @param options whose statistics, and what follows the norm
 * @returns [N, C, H, W]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const [mean, variance] = [tensor([1]), tensor([4])]
 * const x = tensor([1, 3, 5, 7], [1, 1, 2, 2])
 * console.log(await ops.batchNorm(x, mean, variance, { mode: 'eval', eps: 0 }).data()) // → [0, 1, 2, 3]
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  options: BatchNormOptions,
): Tensor {
  checkOptions('batchNorm', options, batchNormRows)
  const { mode, eps = 1e-5, momentum = 0.1, relu = false, residual, gamma, beta } = options
  const inputs = [x, runningMean, runningVar, residual, gamma, beta]
  const recorded = [x, residual ?? null, gamma ?? null, beta ?? null]
  const wantsPositive = relu && recorded.some(isTracked)
  if (mode === 'eval') {
    const gammaGradient = (dSum: Tensor) =>
      scope(() => {
        const unscaled = [x, runningMean, runningVar, null, null, null] as const
        const normalized = runOp1('batch_norm_eval', unscaled, { eps, relu: false, positive: false })
        return channelSum(runOp1('mul', [dSum, normalized]))
      })
    const [y, positive] = runOp('batch_norm_eval', inputs, {
      eps,
      relu,
      positive: wantsPositive,
    }) as [Tensor, Tensor<'u8'> | null]
    record(
      recorded,
      [y],
      ([dy], [, wantResidual, wantGamma, wantBeta]) => {
        const [dx, dSum] = runOp('batch_norm_eval_grad', [dy, positive, runningVar, gamma], {
          eps,
          relu,
          residual: wantResidual! || wantGamma! || wantBeta!,
        }) as (Tensor | null)[]
        positive?.dispose()
        return [dx!, dSum!, wantGamma ? gammaGradient(dSum!) : null, wantBeta ? channelSum(dSum!) : null]
      },
      { saves: [gamma ?? null, isTracked(gamma) ? x : null] },
    )
    return y
  }
  const [y, mean, invStd, positive] = runOp('batch_norm_train', inputs, {
    eps,
    momentum,
    relu,
    positive: wantsPositive,
  }) as [Tensor, Tensor, Tensor, Tensor<'u8'> | null]
  record(
    recorded,
    [y],
    ([dy], [, wantResidual, wantGamma]) => {
      const gradients = runOp('batch_norm_train_grad', [dy, x, positive, mean, invStd, gamma], {
        relu,
        residual: wantResidual!,
        affine: wantGamma!,
      })
      positive?.dispose()
      return gradients as (Tensor | null)[]
    },
    { saves: [x, gamma ?? null] },
  )
  return y
}

const channelSum = (x: Tensor) => runOp1('channel_sum', [x])
