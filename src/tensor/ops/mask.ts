// Masks over weights (native/ops/mask.cc).
import { anyNumber, numbers, required } from '../../inputs/kinds.ts'
import { checkOption } from '../../inputs/options.ts'
import { checkTensor, runOp1 } from '../run.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

const keepRow = required(anyNumber)
const shapeRow = required(numbers)

/** 1 for the `keep` entries of largest |score|, ties to the lower index; the shape of scores. */
export function topkMask(scores: Tensor, keep: number): Tensor<'u8'> {
  checkOption('keep', keep, keepRow, 'topkMask')
  return runOp1('topk_mask', [scores], { keep })
}

/** weight where the mask is 1, else 0. The mask's shape is a prefix of the weight's. */
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

/** A mask's bits, least significant first: u8 [⌈n / 8⌉]. */
export function packBits(mask: Tensor<'u8'>): Tensor<'u8'> {
  return runOp1('pack_bits', [mask])
}

export function unpackBits(bits: Tensor<'u8'>, shape: readonly number[]): Tensor<'u8'> {
  checkOption('shape', shape, shapeRow, 'unpackBits')
  return runOp1('unpack_bits', [bits], { shape })
}
