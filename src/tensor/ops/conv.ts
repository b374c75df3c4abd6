// Convolution and linear layers (native/ops/conv.cc).
import { count } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { type ConvGeometry, ConvInputGradient } from '../conv-gradient.ts'
import { checkGroups, GroupExpansion } from '../group-expansion.ts'
import { checkTensor, runOp1 } from '../run.ts'
import { isTracked, record, release } from '../tape.ts'
import type { Tensor } from '../tensor.ts'
import { biasAdd, reshape } from './elementwise.ts'

/** The windows of a convolution. */
export interface ConvOptions {
  /** Pixels between two windows, ≥ 1. Default 1. */
  stride?: number
  /** Zero pixels around the image, ≥ 0. Default 0. */
  padding?: number
  /** Blocks of channels: output channels of one see the input channels of that one only. Default 1. */
  groups?: number
}

export const convRows: OptionRows<ConvOptions> = { stride: count(), padding: count(0), groups: count() }

/** The attributes of a convolution's native ops. */
export function convGeometry({ stride = 1, padding = 0 }: ConvOptions): ConvGeometry {
  return { stride, padding }
}

/**
 * A convolution in groups as one without.
 * @param convolve from the expanded weight
 */
export function inGroups(
  op: string,
  { x, weight, groups }: { x: Tensor; weight: Tensor; groups: number },
  convolve: (weight: Tensor) => Tensor,
): Tensor {
  checkGroups(op, x, weight, groups)
  const expansion = new GroupExpansion(weight.shape, groups, weight.device)
  const expanded = expansion.expand(weight)
  expansion.record(expanded, weight)
  const y = convolve(expanded)
  for (const made of [expanded, ...expansion.tensors]) release(made as Tensor)
  return y
}

/**
 * A convolution without bias, as deep learning has it: the weight is not flipped. With as many groups as input
 * channels it is a depthwise one. Differentiable to x and weight; a weight that is mostly zeros is computed over its
 * other entries only.
 * @param x [N, C, H, W]
 * @param weight [K, C / groups, R, S]
 * @param options stride, padding and groups
 * @returns [N, K, ⌊(H + 2·padding − R) / stride⌋ + 1, ⌊(W + 2·padding − S) / stride⌋ + 1]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops } from 'rst-native'
 * const images = ops.full([1, 3, 32, 32], 0.5)
 * const weight = ops.full([16, 3, 3, 3], 0.1)
 * console.log(ops.conv2d(images, weight, { stride: 2, padding: 1 }).shape) // → [1, 16, 16, 16]
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  checkOptions('conv2d', options, convRows)
  const { groups = 1, ...window } = options
  if (groups > 1) return inGroups('conv2d', { x, weight, groups }, expanded => conv2d(x, expanded, window))
  const geometry = convGeometry(options)
  const y = runOp1('conv2d', [x, weight], geometry)
  record(
    [x, weight],
    [y],
    ([dy], [wantX, wantWeight]) => [
      wantX ? new ConvInputGradient(dy!, weight, { ...geometry, shape: x.shape }) : null,
      wantWeight ? runOp1('conv2d_weight_grad', [x, dy!], { ...geometry, shape: weight.shape }) : null,
    ],
    { saves: [weight, isTracked(weight) ? x : null] },
  )
  return y
}

/**
 * A fully connected layer: x · weightᵀ + bias. Differentiable.
 * @param x [N, in]; images [N, C, H, W] are flattened
 * @param weight [out, in]
 * @param bias [out]. Default: none
 * @returns [N, out]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const x = tensor([1, 2, 3, 4], [2, 2])
 * const weight = tensor([1, 0, 1, 1], [2, 2])
 * console.log(await ops.linear(x, weight, tensor([10, 20])).data()) // → [11, 23, 13, 27]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkTensor('linear', 'x', x)
  checkTensor('linear', 'weight', weight)
  if (bias !== undefined) checkTensor('linear', 'bias', bias)
  const product =
    x.shape.length === 2
      ? conv2d(x, weight)
      : releasing(reshape(x, [x.shape[0]!, -1]), rows => conv2d(rows, weight))
  return bias ? releasing(product, y => biasAdd(y, bias)) : product
}

/** What `body` makes of an intermediate value, which is released then, also where `body` throws. */
function releasing(value: Tensor, body: (value: Tensor) => Tensor): Tensor {
  try {
    return body(value)
  } finally {
    release(value)
  }
}
