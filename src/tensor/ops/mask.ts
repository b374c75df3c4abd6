// Masks over weights (native/ops/mask.cc).
import { anyNumber, numbers, required } from '../../inputs/kinds.ts'
import { checkOption } from '../../inputs/options.ts'
import { checkTensor, runOp1 } from '../run.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

const keepRow = required(anyNumber)
const shapeRow = required(numbers)

/**
 * 1 for the `keep` entries of largest |score|, ties to the lower index, else 0. Not differentiable.
 * @param scores of any shape, which is the mask's too
 * @param keep from 0 to the number of scores
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.topkMask(tensor([0.1, -0.9, 0.5, 0.2]), 2).data()) // → [0, 1, 1, 0]
 */
export function topkMask(scores: Tensor, keep: number): Tensor<'u8'> {
  checkOption('keep', keep, keepRow, 'topkMask')
  return runOp1('topk_mask', [scores], { keep })
}

/**
 * The weight where the mask is 1, else 0. Not differentiable; networks pass gradients to their scores themselves.
 * @param weight [K, C, R, S]
 * @param mask 0 and 1; its shape is a prefix of the weight's, so that one entry may stand for a whole kernel or
 * channel
 * @returns [K, C, R, S]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const mask = tensor([0, 1], [2], { dtype: 'u8' })
 * console.log(await ops.maskedWeight(tensor([1, 2, 3, 4], [2, 2]), mask).data()) // → [0, 0, 3, 4]
 */
export function maskedWeight(weight: Tensor, mask: Tensor<'u8'>): Tensor {
  return runOp1('masked_weight', [weight, mask])
}

/**
 * Tells the tape that `effective` = maskedWeight(weight, mask) came from weight and scores: gradients reach every
 * score straight through the selection, d|score| = Σ d_effective ⊙ weight over its group (paper, Eq. 1).
 */
export function recordMaskedWeight(
  effective: Tensor,
  weight: Tensor,
  mask: Tensor<'u8'>,
  scores: Tensor | null,
): void {
  checkTensor('recordMaskedWeight', 'effective', effective)
  checkTensor('recordMaskedWeight', 'weight', weight)
  checkTensor('recordMaskedWeight', 'mask', mask)
  if (scores !== null) checkTensor('recordMaskedWeight', 'scores', scores)
  record([weight, scores], [effective], ([gradient], [wantWeight, wantScores]) => [
    wantWeight ? maskedWeight(gradient!, mask) : null,
    wantScores ? runOp1('score_grad', [gradient!, weight, scores!]) : null,
  ])
}

/**
 * A mask as bits, least significant first, as tickets store it.
 * @param mask 0 and 1, n entries of any shape
 * @returns [⌈n / 8⌉]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const mask = tensor([1, 0, 1, 0, 0, 0, 0, 0, 1], [9], { dtype: 'u8' })
 * console.log(await ops.packBits(mask).data()) // → [5, 1]
 */
export function packBits(mask: Tensor<'u8'>): Tensor<'u8'> {
  return runOp1('pack_bits', [mask])
}

/**
 * The mask that `packBits` made bits of.
 * @param bits [⌈n / 8⌉], least significant first
 * @param shape of the mask, n entries
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const bits = tensor([5], [1], { dtype: 'u8' })
 * console.log(await ops.unpackBits(bits, [2, 2]).data()) // → [1, 0, 1, 0]
 */
export function unpackBits(bits: Tensor<'u8'>, shape: readonly number[]): Tensor<'u8'> {
  checkOption('shape', shape, shapeRow, 'unpackBits')
  return runOp1('unpack_bits', [bits], { shape })
}
