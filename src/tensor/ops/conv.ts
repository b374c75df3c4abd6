// Convolution and linear layers (native/ops/conv.h).

import { ConvInputGradient } from '../conv-gradient.ts'
import { runOp1 } from '../run.ts'
import { isTracked, record, release } from '../tape.ts'
import type { Tensor } from '../tensor.ts'
import { biasAdd, reshape } from './elementwise.ts'
import { refuseRest } from './known-options.ts'

export interface ConvOptions {
  /** Pixels between two windows, ≥ 1. Default 1. */
  stride?: number
  /** Zero pixels around the image, ≥ 0. Default 0. */
  padding?: number
}

/**
 * x [N, C, H, W] with weight [K, C, R, S] → [N, K, ⌊(H + 2·padding − R) / stride⌋ + 1, …].
 * @throws ShapeError
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  { stride = 1, padding = 0, ...rest }: ConvOptions = {},
): Tensor {
  // A layer's spec may be given as it is.
  if (!('weightShape' in rest)) refuseRest('conv2d', rest, ['stride', 'padding'])
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
 * @throws ShapeError
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const rows = x.shape.length === 2 ? x : reshape(x, [x.shape[0]!, -1])
  const product = conv2d(rows, weight)
  if (rows !== x) release(rows)
  if (!bias) return product
  const y = biasAdd(product, bias)
  release(product)
  return y
}
