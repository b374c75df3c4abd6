// From stored images to a batch (native/ops/data.h).

import { runOp1 } from '../run.ts'
import type { Tensor } from '../tensor.ts'
import { refuseRest } from './known-options.ts'

export interface AugmentOptions {
  /** Zero pixels around an image before a random crop of its size. Default 0. */
  cropPadding?: number
  /** Mirror left-right with probability ½. Default false. */
  flip?: boolean
  seed?: number
  epoch?: number
}

/**
 * images u8 [M, C, H, W], indices [N] → [N, C, H, W] in [0, 1]. The crop and flip of image i are a function of
 * (seed, epoch, i) alone.
 */
export function gatherImages(
  images: Tensor<'u8'>,
  indices: Tensor<'i32'>,
  { cropPadding = 0, flip = false, seed = 0, epoch = 0, ...rest }: AugmentOptions = {},
): Tensor {
  refuseRest('gatherImages', rest, ['cropPadding', 'flip', 'seed', 'epoch'])
  return runOp1('gather_images', [images, indices], { seed, epoch, crop_padding: cropPadding, flip })
}
