// Spatial pooling (native/ops/pool.cc).
import { count, required } from '../../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record, savesNothing } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

/** Where the windows of a pooling lie. */
export interface PoolOptions {
  /** Pixels between two windows, ≥ 1. Default: kernel. */
  stride?: number
  /** Pixels around the image, ≥ 0. Default 0. */
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

/**
 * The largest value of each window; ties go to the first pixel. Differentiable.
 * @param x [N, C, H, W]
 * @param kernel height and width of the windows, pixels
 * @param options stride and padding
 * @returns [N, C, ⌊(H + 2·padding − kernel) / stride⌋ + 1, …]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.maxPool2d(tensor([1, 2, 3, 4], [1, 1, 2, 2]), 2).data()) // → [4]
 */
export function maxPool2d(x: Tensor, kernel: number, options: PoolOptions = {}): Tensor {
  const window = windowOf('maxPool2d', kernel, options)
  const y = runOp1('max_pool2d', [x], window)
  record([x], [y], ([dy]) => [runOp1('max_pool2d_grad', [dy!, x], window)], { saves: [x] })
  return y
}

/**
 * The mean of each window; padding counts as zeros. Differentiable.
 * @param x [N, C, H, W]
 * @param kernel height and width of the windows, pixels
 * @param options stride and padding
 * @returns [N, C, ⌊(H + 2·padding − kernel) / stride⌋ + 1, …]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.avgPool2d(tensor([1, 2, 3, 4], [1, 1, 2, 2]), 2).data()) // → [2.5]
 */
export function avgPool2d(x: Tensor, kernel: number, options: PoolOptions = {}): Tensor {
  const window = windowOf('avgPool2d', kernel, options)
  const y = runOp1('avg_pool2d', [x], window)
  record([x], [y], ([dy]) => [runOp1('avg_pool2d_grad', [dy!], { ...window, shape: x.shape })], savesNothing)
  return y
}

/**
 * The mean of each channel. Differentiable.
 * @param x [N, C, H, W]
 * @returns [N, C, 1, 1]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops } from 'rst-native'
 * console.log(ops.globalAvgPool(ops.full([8, 16, 4, 4], 1)).shape) // → [8, 16, 1, 1]
 */
export function globalAvgPool(x: Tensor): Tensor {
  const y = runOp1('global_avg_pool', [x])
  record([x], [y], ([dy]) => [runOp1('global_avg_pool_grad', [dy!], { shape: x.shape })], savesNothing)
  return y
}
