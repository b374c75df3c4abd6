// The images of a run, read where the caller names a data set in place of handing it over, and those it evaluates on.
import { checkDataset } from '../data/check-dataset.ts'
import type { Dataset, Split } from '../data/dataset.ts'
import { datasets } from '../data/datasets.ts'
import { ConfigError } from '../errors.ts'
import { kind, path, text } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'

/** Where a data set is read from. */
export interface DataPlace {
  /** Default: the data set of the ticket or model; 'cifar10' where there is none. */
  name?: string
  /** Folder of its files. Default: the usual places of the data set. */
  dir?: string
}

const dataPlaceRows: OptionRows<DataPlace> = { name: text, dir: path }

export const runDataKind = kind(
  'a data set, or an object { name, dir } that says where one is,',
  value => typeof value === 'object' && value !== null && !Array.isArray(value),
)

/**
 * @param usual name of the data set where the place does not say
 * @throws ConfigError, DatasetError
 */
export async function openData(data: Dataset | DataPlace = {}, usual = 'cifar10'): Promise<Dataset> {
  if ('train' in data) {
    checkDataset(data)
    return data
  }
  checkOptions('data', data, dataPlaceRows)
  return datasets.open(data.name ?? usual, data.dir)
}

/** Test images that are evaluated where the options do not say. */
const usualLimit = 1000

/** Which test images a run evaluates on, and what seeds it. */
export interface ImageChoice {
  /** A seeded subset of so many images, or 'all'; data sets with fewer images are evaluated whole. Default 1000. */
  limit?: number | 'all'
  /** In place of `limit`: the first images of the split, as RobustBench reports. */
  first?: number
  /** The other seeds, where they are not given. Default 0. */
  seed?: number
  /** Of the subset of `limit`. Default: `seed`. */
  dataSeed?: number
  /** Of the attacks. Default: `seed`. */
  attackSeed?: number
}

export const limitKind = kind(
  "a whole number of at least 1, or 'all',",
  value => value === 'all' || (Number.isSafeInteger(value) && (value as number) >= 1),
)

/**
 * Images and seeds as `evaluate` takes them.
 * @throws ConfigError for `limit` beside `first`, and for the seed of a subset where there is none
 */
export function imageChoice({ limit, first, seed, dataSeed, attackSeed }: ImageChoice, test: Split) {
  if (first !== undefined && limit !== undefined) {
    throw new ConfigError(
      '--first, the first images, and --limit, a seeded subset, exclude each other: leave out one.',
      'first',
    )
  }
  if (dataSeed !== undefined && (first !== undefined || limit === 'all')) {
    throw new ConfigError(
      '--data-seed is of the subset of --limit, and there is none: leave it out.',
      'dataSeed',
    )
  }
  if (first !== undefined) return { first: Math.min(first, test.size), seed, attackSeed }
  const subset = limitFor(limit, test)
  return { limit: subset, seed, dataSeed: subset === undefined ? undefined : dataSeed, attackSeed }
}

/** The `limit` of `evaluate`: undefined, all images, where the data set has no more than wanted. */
export function limitFor(limit: number | 'all' = usualLimit, test: Split): number | undefined {
  return limit === 'all' || limit >= test.size ? undefined : limit
}

/** @throws ConfigError (option 'dataset') where the images are not those that the ticket is for */
export function checkImages(
  {
    classes,
    inChannels,
    imageSize,
  }: { classes: number; inChannels: number; imageSize: readonly [number, number] },
  data: Dataset['info'],
): void {
  const wanted = `${inChannels}×${imageSize.join('×')} pixels and ${classes} classes`
  const came = `${data.channels}×${data.height}×${data.width} pixels and ${data.classes} classes`
  if (wanted === came) return
  throw new ConfigError(
    `The ticket is for images of ${wanted} but ${data.name} has ${came}: give another --dataset.`,
    'dataset',
  )
}
