// Spatial pooling (native/ops/pool.cc).
import { count, required } from '../../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record, savesNothing } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

export interface PoolOptions {
  /** Default: kernel. */
  stride?: number
  /** Default 0. */
  padding?: number
}

const poolRows: OptionRows<PoolOptions> = { stride: count(), padding: count(0) }
const kernelRow = required(count())

function windowOf(op: string, kernel: number, options: PoolOptions) {
  checkOption('kernel', kernel, kernelRow, op)
  checkOptions(op, options, poolRows)
  const { stride = kernel, padding = 0 } = options
  return { kernel, stride, padding }
}

/** Largest value of each kernel × kernel window of x [N, C, H, W]; ties go to the first pixel. */
export function maxPool2d(x: Tensor, kernel: number, options: PoolOptions = {}): Tensor {
  const window = windowOf('maxPool2d', kernel, options)
  const y = runOp1('max_pool2d', [x], window)
  record([x], [y], ([dy]) => [runOp1('max_pool2d_grad', [dy!, x], window)], { saves: [x] })
  return y
}

/** Mean of each window; padding counts as zeros. */
export function avgPool2d(x: Tensor, kernel: number, options: PoolOptions = {}): Tensor {
  const window = windowOf('avgPool2d', kernel, options)
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
