// What every data set looks like once it is read: 8-bit images in memory, NCHW, and their labels.

/** One split of a data set. */
export interface Split {
  /** Pixels, [size, channels, height, width], 0…255. */
  readonly images: Uint8Array
  /** Class of each image, 0…classes − 1. */
  readonly labels: Int32Array
  readonly size: number
  /** Of a part of another split: the number of each image there. */
  readonly ids?: Int32Array
  /** What reports call it, such as 'cifar10 test'; a part has the name of the whole. */
  readonly name?: string
  /** Of a part of another split: how it was chosen. */
  readonly part?: SplitPart
}

export interface SplitPart {
  /** Images of the split that it was chosen from. */
  readonly of: number
  /** A seeded subset, the first images, or what a seeded hold-out took or left. */
  readonly which:
    | { readonly subsetSeed: number }
    | { readonly first: number }
    | { readonly heldOutSeed: number }
    | { readonly restSeed: number }
  /** Of a part of a part: how that one was chosen. */
  readonly within?: SplitPart
}

export interface DatasetInfo {
  /** 'cifar10', 'cifar100', 'mnist', 'fashion-mnist', or what the user called it. */
  readonly name: string
  readonly classes: number
  readonly classNames: readonly string[]
  readonly channels: number
  readonly height: number
  readonly width: number
  /** Per-channel mean and standard deviation of the training pixels in [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** Whether mirroring an image keeps its class (true for photographs and clothes, false for digits). */
  readonly flip: boolean
  /** L∞ radius that attacks on these images usually have, in pixels of [0, 1]. Default 8/255. */
  readonly usualEps?: number
}

/** The usual L∞ radius of attacks on a data set: what every default eps is. */
export function usualEps({ usualEps = 8 / 255 }: Pick<DatasetInfo, 'usualEps'>): number {
  return usualEps
}

export interface Dataset {
  readonly train: Split
  readonly test: Split
  readonly info: DatasetInfo
}

/** A data set whose splits have the names by which reports call them. */
export function datasetOf(info: DatasetInfo, { train, test }: Omit<Dataset, 'info'>): Dataset {
  const named = (split: Split, name: string) => ({ ...split, name: `${info.name} ${name}` })
  return { train: named(train, 'train'), test: named(test, 'test'), info }
}
