// Sums and norms (native/ops/reduce.cc).
import { oneOf, required } from '../../inputs/kinds.ts'
import { checkOption } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

/**
 * The sum of all elements, a scalar. Differentiable.
 * @param x of any shape
 * @returns shape []
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.sum(tensor([1, 2, 3])).data()) // → [6]
 */
export function sum(x: Tensor): Tensor {
  const y = runOp1('sum', [x])
  record([x], [y], ([dy]) => [runOp1('broadcast', [dy!], { shape: x.shape, factor: 1 })])
  return y
}

/**
 * The mean of all elements, a scalar. Differentiable.
 * @param x of any shape
 * @returns shape []
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.mean(tensor([1, 2, 3])).data()) // → [2]
 */
export function mean(x: Tensor): Tensor {
  const total = runOp1('sum', [x])
  const y = runOp1('scale', [total], { factor: 1 / x.size })
  total.dispose()
  record([x], [y], ([dy]) => [runOp1('broadcast', [dy!], { shape: x.shape, factor: 1 / x.size })])
  return y
}

/**
 * The sum of each sample. Not differentiable.
 * @param x [N, …]
 * @returns [N]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.sampleSum(tensor([1, 2, 3, 4], [2, 2])).data()) // → [3, 7]
 */
export function sampleSum(x: Tensor): Tensor {
  return runOp1('sample_sum', [x])
}

const normRow = required(oneOf(['linf', 'l2']))

/**
 * The norm of each sample: its largest absolute value ('linf') or its length ('l2'). Not differentiable.
 * @param x [N, …]
 * @param norm 'linf' or 'l2'
 * @returns [N]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.sampleNorm(tensor([3, -4, 0, 1], [2, 2]), 'l2').data()) // → [5, 1]
 */
export function sampleNorm(x: Tensor, norm: 'linf' | 'l2'): Tensor {
  checkOption('norm', norm, normRow, 'sampleNorm')
  return runOp1('sample_norm', [x], { norm })
}
