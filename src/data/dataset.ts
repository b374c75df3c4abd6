// What every data set looks like once it is read: 8-bit images in memory, NCHW, and their labels.

/** One split of a data set. */
export interface Split {
  /** Pixels, [size, channels, height, width], 0…255. */
  readonly images: Uint8Array
  /** Class of each image, 0…classes − 1. */
  readonly labels: Int32Array
  /** Number of images. */
  readonly size: number
  /** Of a part of another split: the number of each image there. */
  readonly ids?: Int32Array
  /** What reports call it, such as 'cifar10 test'; a part has the name of the whole. */
  readonly name?: string
  /** Of a part of another split: how it was chosen. */
  readonly part?: SplitPart
}

/** How the images of a part were chosen. */
export interface SplitPart {
  /** Images of the split that it was chosen from. */
  readonly of: number
  /** A seeded subset, the first images, or what a seeded hold-out took or left. */
  readonly which:
    | {
        /** Seed of the subset. */
        readonly subsetSeed: number
      }
    | {
        /** How many: the first images. */
        readonly first: number
      }
    | {
        /** Seed of the hold-out: what it took. */
        readonly heldOutSeed: number
      }
    | {
        /** Seed of the hold-out: what it left. */
        readonly restSeed: number
      }
  /** Of a part of a part: how that one was chosen. */
  readonly within?: SplitPart
}

/** What is known of a data set without its images. */
export interface DatasetInfo {
  /** 'cifar10', 'cifar100', 'mnist', 'fashion-mnist', or what the user called it. */
  readonly name: string
  /** How many classes it has. */
  readonly classes: number
  /** By class number, [classes]. */
  readonly classNames: readonly string[]
  /** Of every image: 3 of colour, 1 of grey. */
  readonly channels: number
  /** Of every image, pixels. */
  readonly height: number
  /** Of every image, pixels. */
  readonly width: number
  /** Per-channel mean of the training pixels in [0, 1], by which models normalise. */
  readonly mean: readonly number[]
  /** Per-channel standard deviation of the training pixels in [0, 1], by which models normalise. */
  readonly std: readonly number[]
  /** Whether mirroring an image keeps its class (true for photographs and clothes, false for digits). */
  readonly flip: boolean
  /** L∞ radius that attacks on these images usually have, in pixels of [0, 1]. Default 8/255. */
  readonly usualEps?: number
}

/** A data set that can be opened by name. */
export interface ListedDataset {
  /** As `datasets.open` takes it. */
  readonly name: string
  /** As people call it. */
  readonly title: string
  /** Names of the files that it needs. */
  readonly files: readonly string[]
  /** Where they are looked for. */
  readonly folders: readonly string[]
  /** What to do to have them: words that follow 'To get it, '. */
  readonly howToGet: string
}

/** The usual L∞ radius of attacks on a data set: what every default eps is. */
export function usualEps({ usualEps = 8 / 255 }: Pick<DatasetInfo, 'usualEps'>): number {
  return usualEps
}

/** A data set in memory. */
export interface Dataset {
  /** The images to train on. */
  readonly train: Split
  /** The images to evaluate on. */
  readonly test: Split
  /** What is known of both. */
  readonly info: DatasetInfo
}

/** A data set whose splits have the names by which reports call them. */
export function datasetOf(info: DatasetInfo, { train, test }: Omit<Dataset, 'info'>): Dataset {
  const named = (split: Split, name: string) => ({ ...split, name: `${info.name} ${name}` })
  return { train: named(train, 'train'), test: named(test, 'test'), info }
}
