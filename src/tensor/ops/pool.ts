// Spatial pooling (native/ops/pool.h).

import { runOp1 } from '../run.ts'
import { record, savesNothing } from '../tape.ts'
import type { Tensor } from '../tensor.ts'
import { refuseRest } from './known-options.ts'

export interface PoolOptions {
  /** Default: kernel. */
  stride?: number
  /** Default 0. */
  padding?: number
}

/** Largest value of each kernel × kernel window of x [N, C, H, W]; ties go to the first pixel. */
export function maxPool2d(
  x: Tensor,
  kernel: number,
  { stride = kernel, padding = 0, ...rest }: PoolOptions = {},
): Tensor {
  refuseRest('maxPool2d', rest, ['stride', 'padding'])
  const window = { kernel, stride, padding }
  const y = runOp1('max_pool2d', [x], window)
  record([x], [y], ([dy]) => [runOp1('max_pool2d_grad', [dy!, x], window)], { saves: [x] })
  return y
}

/** Mean of each window; padding counts as zeros. */
export function avgPool2d(
  x: Tensor,
  kernel: number,
  { stride = kernel, padding = 0, ...rest }: PoolOptions = {},
): Tensor {
  refuseRest('avgPool2d', rest, ['stride', 'padding'])
  const window = { kernel, stride, padding }
  const y = runOp1('avg_pool2d', [x], window)
  record([x], [y], ([dy]) => [runOp1('avg_pool2d_grad', [dy!], { ...window, shape: x.shape })], savesNothing)
  return y
}

/** [N, C, H, W] → [N, C, 1, 1], the mean of each channel. */
export function globalAvgPool(x: Tensor): Tensor {
  const y = runOp1('global_avg_pool', [x])
  record([x], [y], ([dy]) => [runOp1('global_avg_pool_grad', [dy!], { shape: x.shape })], savesNothing)
  return y
}
