// Convolution and eval-mode batch norm in one pass (native/ops/conv.h).
import { runOp, runOp1 } from '../run.ts'
import { scope } from '../scope.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'
import type { ConvOptions } from './conv.ts'

export interface ConvBatchNormOptions extends ConvOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Apply a ReLU to the result. Default false. */
  relu?: boolean
  /** Added before the ReLU; the shape of the result. */
  residual?: Tensor
}

/**
 * relu?((conv2d(x, weight) − mean) / √(var + eps) + residual) with running statistics [K], which stay as they are. The
 * convolution's own result is never stored.
 * @throws ShapeError
 */
export function convBatchNorm(
  x: Tensor,
  weight: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  { stride = 1, padding = 0, eps = 1e-5, relu = false, residual }: ConvBatchNormOptions = {},
): Tensor {
  const geometry = { stride, padding }
  const y = runOp1('conv2d_batch_norm', [x, weight, runningMean, runningVar, residual], {
    ...geometry,
    eps,
    relu,
  })
  record([x, weight, residual ?? null], [y], ([dy], [wantX, wantWeight, wantResidual]) =>
    scope(() => {
      const [dMaps, dResidual] = runOp(
        x.device,
        'batch_norm_eval_grad',
        [dy, relu ? y : null, runningVar, null],
        {
          eps,
          relu,
          residual: wantResidual!,
        },
      ) as [Tensor, Tensor | null]
      return [
        wantX ? runOp1('conv2d_input_grad', [dMaps, weight], { ...geometry, shape: x.shape }) : null,
        wantWeight ? runOp1('conv2d_weight_grad', [x, dMaps], { ...geometry, shape: weight.shape }) : null,
        dResidual,
      ]
    }),
  )
  return y
}
