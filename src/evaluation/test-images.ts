// The images of an evaluation, 8 bits a pixel, and their pixels in [0, 1].
import { createHash } from 'node:crypto'
import { checkSplit } from '../data/check-dataset.ts'
import type { Split } from '../data/dataset.ts'
import { firstImages, subset } from '../data/subset.ts'
import { ConfigError } from '../errors.ts'
import type { Classifier } from '../nn/classifier.ts'
import type { DataProvenance } from './provenance.ts'

/** Which images of a split are evaluated; by default all. */
export interface ImageChoice {
  readonly limit?: number
  readonly first?: number
  readonly seed?: number
  readonly dataSeed?: number
}

/** The images of an evaluation. */
export class TestImages {
  readonly size: number
  readonly labels: Int32Array
  /** Numbers of the images in the whole split: they key all random draws. */
  readonly ids: Int32Array
  readonly imageSize: number
  readonly bytes: Uint8Array
  readonly #split: Split

  private constructor(split: Split) {
    const { images, labels, size, ids } = split
    this.#split = split
    this.size = size
    this.bytes = images
    this.labels = labels
    this.ids = Int32Array.from({ length: size }, (_, n) => ids?.[n] ?? n)
    this.imageSize = images.length / size
  }

  /**
   * @throws ConfigError where the split is none, or not of images and labels that the model takes, or where `limit`,
   * `first` and `dataSeed` do not go together
   */
  static async open(
    { inputShape, numClasses }: Classifier,
    split: Split,
    { limit, first, seed = 0, dataSeed }: ImageChoice,
  ): Promise<TestImages> {
    checkSplit(split, { shape: inputShape, classes: numClasses })
    if (limit !== undefined && first !== undefined) {
      throw new ConfigError(
        'Both limit, a seeded subset, and first, the first images, were given: leave out one.',
        'first',
      )
    }
    if (dataSeed !== undefined && limit === undefined) {
      throw new ConfigError(
        'Expected limit beside dataSeed, the seed of its subset, but received none: leave dataSeed out.',
        'dataSeed',
      )
    }
    if (first !== undefined) return new TestImages(await firstImages(split, first))
    return new TestImages(limit === undefined ? split : await subset(split, limit, dataSeed ?? seed))
  }

  /** For reports. */
  get provenance(): DataProvenance {
    const { name = null, part, ids } = this.#split
    return {
      name,
      images: this.size,
      ...(part && { of: part.of }),
      which: part?.which ?? (ids === undefined ? 'all' : 'part'),
      ...(part?.within && { within: part.within }),
      fingerprint: this.fingerprint,
    }
  }

  #fingerprint: string | undefined
  /** See DataProvenance. */
  get fingerprint(): string {
    if (this.#fingerprint === undefined) {
      const hash = createHash('sha256')
      for (const { buffer, byteOffset, byteLength } of [this.bytes, this.labels, this.ids]) {
        hash.update(new Uint8Array(buffer, byteOffset, byteLength))
      }
      this.#fingerprint = hash.digest('hex').slice(0, 16)
    }
    return this.#fingerprint
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
