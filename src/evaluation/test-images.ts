// The images of an evaluation, 8 bits a pixel, and their pixels in [0, 1].
import type { Classifier } from '../attacks/classifier.ts'
import type { Split } from '../data/dataset.ts'
import { subset } from '../data/subset.ts'
import { checkSplit } from '../inputs/images.ts'

/** The images of an evaluation. */
export class TestImages {
  readonly size: number
  readonly labels: Int32Array
  /** Numbers of the images in the whole split: they key all random draws. */
  readonly ids: Int32Array
  readonly imageSize: number
  readonly bytes: Uint8Array

  private constructor({ images, labels, size, ids }: Split) {
    this.size = size
    this.bytes = images
    this.labels = labels
    this.ids = Int32Array.from({ length: size }, (_, n) => ids?.[n] ?? n)
    this.imageSize = images.length / size
  }

  /**
   * @param limit of a subset chosen by seed; all if undefined
   * @throws ConfigError where the split is none, or not of images and labels that the model takes
   */
  static async open(
    { inputShape, numClasses }: Classifier,
    split: Split,
    limit: number | undefined,
    seed: number,
  ): Promise<TestImages> {
    checkSplit(split, { shape: inputShape, classes: numClasses })
    return new TestImages(limit === undefined ? split : await subset(split, limit, seed))
  }

  /** The numbers `of` images, by default of all, in batches. */
  *batches(batchSize: number, of: readonly number[] = numbers(this.size)): Generator<number[]> {
    for (let from = 0; from < of.length; from += batchSize) yield of.slice(from, from + batchSize)
  }

  /** Pixels in [0, 1] of the images numbered `chosen`. */
  pixels(chosen: readonly number[]): Float32Array<ArrayBuffer> {
    const { imageSize, bytes } = this
    const pixels = new Float32Array(chosen.length * imageSize)
    for (let i = 0; i < chosen.length; i++) {
      for (let j = 0; j < imageSize; j++) pixels[i * imageSize + j] = bytes[chosen[i] * imageSize + j] / 255
    }
    return pixels
  }
}

/** 0 … count − 1 */
export const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
