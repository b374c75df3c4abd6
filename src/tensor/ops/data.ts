// From stored images to a batch (native/ops/data.cc).
import { count, flag, seed } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { type Tensor, tensorKind } from '../tensor.ts'

export interface AugmentOptions {
  /** Zero pixels around an image before a random crop of its size. Default 0. */
  cropPadding?: number
  /** Mirror left-right with probability ½. Default false. */
  flip?: boolean
  seed?: number
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
 * images u8 [M, C, H, W], indices [N] → [N, C, H, W] in [0, 1]. The crop and flip of the image of id i are a
 * function of (seed, epoch, i) alone.
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
