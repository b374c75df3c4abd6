// Sums and norms (native/ops/reduce.cc).
import { oneOf, required } from '../../inputs/kinds.ts'
import { checkOption } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

/** Sum of all elements, a scalar. */
export function sum(x: Tensor): Tensor {
  const y = runOp1('sum', [x])
  record([x], [y], ([dy]) => [runOp1('broadcast', [dy!], { shape: x.shape, factor: 1 })])
  return y
}

/** Mean of all elements, a scalar. */
export function mean(x: Tensor): Tensor {
  const total = runOp1('sum', [x])
  const y = runOp1('scale', [total], { factor: 1 / x.size })
  total.dispose()
  record([x], [y], ([dy]) => [runOp1('broadcast', [dy!], { shape: x.shape, factor: 1 / x.size })])
  return y
}

/** Sum of each sample: [N, …] → [N]. Not differentiable. */
export function sampleSum(x: Tensor): Tensor {
  return runOp1('sample_sum', [x])
}

const normRow = required(oneOf(['linf', 'l2']))

/** Norm of each sample: [N, …] → [N]. Not differentiable. */
export function sampleNorm(x: Tensor, norm: 'linf' | 'l2'): Tensor {
  checkOption('norm', norm, normRow, 'sampleNorm')
  return runOp1('sample_norm', [x], { norm })
}
