// Training batches: stored images on the device, gathered and augmented there.
import type { InnerAttackBatch } from '../attacks/frame/inner-attack.ts'
import * as ops from '../tensor/ops/index.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { upload } from '../tensor/upload.ts'
import type { ResolvedTraining } from './resolve.ts'

/** Pixels of padding around an image before the random crop (paper, Sec. 4.1). */
const cropPadding = 4

export interface TrainingBatch extends InnerAttackBatch {
  readonly count: number
  dispose(): void
}

export class ImageSource {
  readonly #training: ResolvedTraining
  readonly #images: Tensor<'u8'>

  private constructor(training: ResolvedTraining, images: Tensor<'u8'>) {
    this.#training = training
    this.#images = images
  }

  /** Brings the training images to the device. */
  static async open(training: ResolvedTraining): Promise<ImageSource> {
    const { images, data, device } = training
    const { channels, height, width } = data.info
    const shape = [images.size, channels, height, width]
    return new ImageSource(training, await upload(images.images, shape, { dtype: 'u8', device }))
  }

  /** The images of the given rows, augmented for the epoch. Their numbers in the data set key all draws. */
  batch(indices: ArrayLike<number>, epoch: number): TrainingBatch {
    const { device, seed, augment, data, images } = this.#training
    const count = indices.length
    const numbers = (of: (row: number) => number) =>
      tensor(Int32Array.from(indices, of), [count], { dtype: 'i32', device })
    const rows = numbers(row => row)
    const sampleIds = images.ids ? numbers(row => images.ids![row]!) : rows
    const labels = numbers(row => images.labels[row]!)
    const augmentation = augment ? { cropPadding, flip: data.info.flip, seed, epoch, ids: sampleIds } : {}
    const pixels = ops.gatherImages(this.#images, rows, augmentation)
    if (rows !== sampleIds) rows.dispose()
    return {
      images: pixels,
      labels,
      sampleIds,
      seed,
      epoch,
      count,
      dispose() {
        for (const t of [pixels, labels, sampleIds]) t.dispose()
      },
    }
  }

  dispose(): void {
    this.#images.dispose()
  }
}
