// What every evaluation checks before it loads or attacks anything, and the images that it chooses.
import type { Split } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import { parseEps } from './values.ts'

/** Test images that are evaluated where the options do not say. */
const usualLimit = 1000

interface Choice {
  readonly limit?: number | 'all'
  readonly first?: number
  readonly seed: number
  readonly dataSeed?: number
  readonly attackSeed?: number
}

/**
 * Images and seeds as `evaluate` takes them.
 * @throws ConfigError for --limit beside --first, and for the seed of a subset where there is none
 */
export function imageChoice({ limit, first, seed, dataSeed, attackSeed }: Choice, test: Split) {
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
  const subset = limitFor(limit ?? usualLimit, test)
  return { limit: subset, seed, dataSeed: subset === undefined ? undefined : dataSeed, attackSeed }
}

/** The `limit` of `evaluate`: data sets with fewer images are evaluated whole. */
export function limitFor(limit: number | 'all', test: Split): number | undefined {
  return limit === 'all' || limit >= test.size ? undefined : limit
}

interface Images {
  readonly classes: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly name: string
}

/** @throws ConfigError (option 'dataset') where the images are not those that the ticket is for */
export function checkImages(
  {
    classes,
    inChannels,
    imageSize,
  }: { classes: number; inChannels: number; imageSize: readonly [number, number] },
  data: Images,
): void {
  const wanted = `${inChannels}×${imageSize.join('×')} pixels and ${classes} classes`
  const came = `${data.channels}×${data.height}×${data.width} pixels and ${data.classes} classes`
  if (wanted === came) return
  throw new ConfigError(
    `The ticket is for images of ${wanted} but ${data.name} has ${came}: give another --dataset.`,
    'dataset',
  )
}

/** @throws ConfigError (option 'eps') for L2 without a radius, and for an L∞ radius above 1 */
export function checkRadius({ norm, eps }: { norm: 'linf' | 'l2'; eps?: number }): void {
  if (norm === 'linf' && eps !== undefined) parseEps(String(eps), '--eps')
  if (norm !== 'l2' || eps !== undefined) return
  throw new ConfigError(
    '--norm l2 needs --eps: there is no usual L2 radius; 128/255 is common on CIFAR.',
    'eps',
  )
}
