// Convolution and linear layers (native/ops/conv.cc).
import { count } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { ConvInputGradient } from '../conv-gradient.ts'
import { checkTensor, runOp1 } from '../run.ts'
import { isTracked, record, release } from '../tape.ts'
import type { Tensor } from '../tensor.ts'
import { biasAdd, reshape } from './elementwise.ts'

export interface ConvOptions {
  /** Pixels between two windows, ≥ 1. Default 1. */
  stride?: number
  /** Zero pixels around the image, ≥ 0. Default 0. */
  padding?: number
}

export const convRows: OptionRows<ConvOptions> = { stride: count(), padding: count(0) }

/**
 * x [N, C, H, W] with weight [K, C, R, S] → [N, K, ⌊(H + 2·padding − R) / stride⌋ + 1, …].
 * @throws ShapeError, ConfigError
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  checkOptions('conv2d', options, convRows)
  const { stride = 1, padding = 0 } = options
  const y = runOp1('conv2d', [x, weight], { stride, padding })
  record(
    [x, weight],
    [y],
    ([dy], [wantX, wantWeight]) => [
      wantX ? new ConvInputGradient(dy!, weight, { stride, padding, shape: x.shape }) : null,
      wantWeight ? runOp1('conv2d_weight_grad', [x, dy!], { stride, padding, shape: weight.shape }) : null,
    ],
    { saves: [weight, isTracked(weight) ? x : null] },
  )
  return y
}

/**
 * x [N, in] with weight [out, in] and bias [out] → [N, out]. Images [N, C, H, W] are flattened.
 * @throws ShapeError, ConfigError
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkTensor('linear', 'x', x)
  checkTensor('linear', 'weight', weight)
  if (bias !== undefined) checkTensor('linear', 'bias', bias)
  const rows = x.shape.length === 2 ? x : reshape(x, [x.shape[0]!, -1])
  const product = conv2d(rows, weight)
  if (rows !== x) release(rows)
  if (!bias) return product
  const y = biasAdd(product, bias)
  release(product)
  return y
}
