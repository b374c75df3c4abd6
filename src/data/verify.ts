// Comparing the files of a data set with what the official ones hold.
import { stat } from 'node:fs/promises'
import { DatasetError } from '../errors.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { channelStatistics } from './channel-statistics.ts'
import type { Split } from './dataset.ts'

/** What a split was found to hold. */
export interface VerifiedSplit {
  /** How many. */
  readonly images: number
  /** By class number, [classes]. */
  readonly imagesPerClass: readonly number[]
}

/** A data set that was compared with the official one, and is it. */
export interface DatasetVerification {
  /** Its name. */
  readonly dataset: string
  /** The folder of its files. */
  readonly dir: string
  /** Each file with its images (or labels). */
  readonly files: readonly {
    /** Its path. */
    readonly file: string
    /** Its size; of one that is packed, packed. */
    readonly bytes: number
    /** Images, or labels, in it. */
    readonly images: number
  }[]
  /** The training images. */
  readonly train: VerifiedSplit
  /** The test images. */
  readonly test: VerifiedSplit
  /** Of each channel's training pixels in [0, 1]. */
  readonly mean: readonly number[]
  /** Standard deviation of each channel's training pixels in [0, 1]. */
  readonly std: readonly number[]
}

/** How far mean and deviation may lie from the official ones, which are rounded. */
const slack = 0.001

/**
 * @param paths of each of the entry's files
 * @throws DatasetError at the first difference
 */
export async function verifyFiles(
  entry: CatalogueEntry,
  dir: string,
  paths: readonly string[],
): Promise<DatasetVerification> {
  const { info, imagesPerClass } = entry
  const { train, test, counts } = await entry.read(paths)
  const files = await checkCounts(entry, paths, counts)
  const splits = {
    train: checkClasses(train, imagesPerClass.train, 'training', dir),
    test: checkClasses(test, imagesPerClass.test, 'test', dir),
  }
  const { mean, std } = channelStatistics(train.images, info.channels, info.height * info.width)
  for (const [name, came, expected] of [
    ['mean', mean, info.mean],
    ['standard deviation', std, info.std],
  ] as const) {
    const channel = came.findIndex((value, c) => Math.abs(value - expected[c]) > slack)
    if (channel < 0) continue
    throw new DatasetError(
      `The training pixels in ${dir} are not those of ${info.name}: the ${name} of channel ${channel} is ${came[channel].toFixed(4)}, not ${expected[channel]}; fetch the files again.`,
      { file: dir },
    )
  }
  return { dataset: info.name, dir, files, ...splits, mean, std }
}

/** @throws DatasetError for a file with another number of images than the official one */
async function checkCounts(
  { counts: expected }: CatalogueEntry,
  paths: readonly string[],
  counts: readonly number[],
): Promise<{ file: string; bytes: number; images: number }[]> {
  const wrong = counts.findIndex((count, i) => count !== expected[i])
  if (wrong >= 0) {
    const [file, came, wanted] = [paths[wrong], counts[wrong], expected[wrong]]
    throw new DatasetError(
      `${file} is ${came < wanted ? 'cut short' : 'too long'}: it has ${came} images or labels of the official ${wanted}; fetch it again, unless it is meant to be a part.`,
      { file },
    )
  }
  return Promise.all(
    paths.map(async (file, i) => ({ file, bytes: (await stat(file)).size, images: counts[i] })),
  )
}

/** @throws DatasetError where the official split has other numbers of images */
function checkClasses(
  { labels, size }: Split,
  expected: readonly number[],
  split: string,
  dir: string,
): VerifiedSplit {
  const imagesPerClass: number[] = new Array(expected.length).fill(0)
  for (const label of labels) imagesPerClass[label]++
  const wrong = imagesPerClass.findIndex((count, label) => count !== expected[label])
  if (wrong < 0) return { images: size, imagesPerClass }
  throw new DatasetError(
    `The labels in ${dir} are damaged: class ${wrong} has ${imagesPerClass[wrong]} ${split} images, not ${expected[wrong]}; fetch the files again.`,
    { file: dir },
  )
}
