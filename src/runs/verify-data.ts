// The check of a folder of data files, whose data set may be told from the files themselves.
import { datasets } from '../data/datasets.ts'
import type { DatasetVerification } from '../data/verify.ts'
import { ConfigError } from '../errors.ts'
import { path, required, text } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'

/** Which files are compared. */
export interface VerifyDataOptions {
  /** Folder of the data files, or one up to two levels above it. */
  dir: string
  /** Name of the data set. Default: told from the files. */
  dataset?: string
}

export const verifyDataRows: OptionRows<VerifyDataOptions> = { dir: required(path), dataset: text }

/** Darker than the other by far: see `recognise`. */
const brightestMnist = 0.2

/**
 * Reads a data set whole and compares it with the official one, as `datasets.verify`.
 * @param options folder and name
 * @throws ConfigError where the folder holds several data sets, DatasetError at the first file that is not as it must
 * be
 * @example
 * ```ts no-run
 * import { runs } from 'rst-native'
 * const { dataset, train } = await runs.verifyData({ dir: '/data/cifar-10-batches-bin' })
 * console.log(dataset, train.images) // cifar10 50000
 * ```
 */
export async function verifyData(options: VerifyDataOptions): Promise<DatasetVerification> {
  checkOptions('verifyData', options, verifyDataRows)
  const { dir, dataset } = options
  return datasets.verify(dataset ?? (await recognise(dir)), dir)
}

/** MNIST and Fashion-MNIST have the same files: their pixels tell them apart. */
async function recognise(dir: string): Promise<string> {
  const found = await datasets.recognise(dir)
  if (found.length === 1) return found[0]
  const folders = new Set(await Promise.all(found.map(name => datasets.locate(name, dir))))
  if (folders.size > 1) {
    throw new ConfigError(`${dir} holds ${found.join(' and ')}: choose one of them by --dataset.`, 'dataset')
  }
  const { images } = (await datasets.open(found[0], dir)).train
  let sum = 0
  for (const pixel of images) sum += pixel
  return sum / images.length / 255 < brightestMnist ? 'mnist' : 'fashion-mnist'
}
