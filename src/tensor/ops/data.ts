// From stored images to a batch (native/ops/data.cc).
import { count, flag, seed } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { type Tensor, tensorKind } from '../tensor.ts'

/** How `gatherImages` crops and mirrors. Without `cropPadding` and `flip` nothing is drawn. */
export interface AugmentOptions {
  /** Zero pixels around an image before a random crop of its size. Default 0. */
  cropPadding?: number
  /** Mirror left-right with probability ½. Default false. */
  flip?: boolean
  /** Of the draws, from 0 to 2^53 − 1. Default 0. */
  seed?: number
  /** Tells the draws of one seed apart, a whole number ≥ 0. Default 0. */
  epoch?: number
  /** Numbers of the images, [N], which key their draws. Default: indices. */
  ids?: Tensor<'i32'>
}

const augmentRows: OptionRows<AugmentOptions> = {
  cropPadding: count(0),
  flip: flag,
  seed,
  epoch: count(0),
  ids: tensorKind,
}

/**
 * A batch of stored images, as numbers in [0, 1]. The crop and flip of the image of id i are a function of (seed,
 * epoch, i) alone. Not differentiable.
 * @param images [M, C, H, W], pixels from 0 to 255
 * @param indices [N], from 0 to M − 1
 * @param options crop, flip and what keys their draws
 * @returns [N, C, H, W]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const stored = tensor([0, 51, 102, 255], [2, 1, 1, 2], { dtype: 'u8' })
 * const batch = ops.gatherImages(stored, tensor([1], [1], { dtype: 'i32' }))
 * console.log(batch.shape, await batch.data()) // → [1, 1, 1, 2] [0.4, 1]
 */
export function gatherImages(
  images: Tensor<'u8'>,
  indices: Tensor<'i32'>,
  options: AugmentOptions = {},
): Tensor {
  checkOptions('gatherImages', options, augmentRows)
  const { cropPadding = 0, flip = false, seed = 0, epoch = 0, ids } = options
  return runOp1('gather_images', [images, indices, ids], { seed, epoch, crop_padding: cropPadding, flip })
}
