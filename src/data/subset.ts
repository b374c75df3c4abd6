// Parts of a split.
import { setImmediate } from 'node:timers/promises'
import { ConfigError } from '../errors.ts'
import { isUint8Array } from '../inputs/images.ts'
import { required, seed as seedKind } from '../inputs/kinds.ts'
import { checkOption, describeValue } from '../inputs/options.ts'
import { permutation } from '../random/permutation.ts'
import { Purpose } from '../random/philox.ts'
import type { Split, SplitPart } from './dataset.ts'

const subsetStep = 0
const holdOutStep = 1
const bytesPerTurn = 8 << 20

/**
 * A part of `split`, in its order. A smaller subset of the same seed lies within a larger one.
 * @param size how many images, from 1 to the size of `split`
 * @param seed by which alone they are chosen, from 0 to 2^53 − 1
 * @throws ConfigError for what is no split or seed, (option 'limit') for another size
 * @example
 * import { datasets, subset } from 'rst-native'
 * const { test } = await datasets.cifar10()
 * const part = await subset(test, 5, 0)
 * console.log(part.size, part.ids?.length, part.part?.which) // → 5 5 { subsetSeed: 0 }
 */
export async function subset(split: Split, size: number, seed: number): Promise<Split> {
  checkParts(split)
  checkOption('seed', seed, required(seedKind), 'subset')
  checkSize(size, split.size, 'limit')
  if (size === split.size) return split
  const chosen = permutation(split.size, seed, Purpose.subset, subsetStep).slice(0, size).sort()
  return gather(split, chosen, { subsetSeed: seed })
}

/**
 * The first `size` images of `split`, in its order: the part that RobustBench and AutoAttack's authors report.
 * @throws ConfigError (option 'first') when `size` is not an integer from 1 to the size of `split`
 */
export async function firstImages(split: Split, size: number): Promise<Split> {
  checkSize(size, split.size, 'first')
  if (size === split.size) return split
  return gather(
    split,
    Uint32Array.from({ length: size }, (_, n) => n),
    { first: size },
  )
}

/**
 * `split` in two parts: `heldOut` of `size` images chosen by `seed` alone, and `rest`, both in the order of `split`.
 * @throws ConfigError (option 'holdOut') when `size` is not an integer from 1 to the size of `split` − 1
 */
export async function holdOut(
  split: Split,
  size: number,
  seed: number,
): Promise<{ rest: Split; heldOut: Split }> {
  checkSize(size, split.size - 1, 'holdOut')
  const order = permutation(split.size, seed, Purpose.subset, holdOutStep)
  return {
    rest: await gather(split, order.slice(size).sort(), { restSeed: seed }),
    heldOut: await gather(split, order.slice(0, size).sort(), { heldOutSeed: seed }),
  }
}

/** @throws ConfigError for what has no images to choose from */
function checkParts(split: unknown): void {
  const { images, labels, size } = (split ?? {}) as Partial<Split>
  const whole = isUint8Array(images) && Number.isSafeInteger(size) && labels?.length === size
  if (whole && images.length % size! === 0) return
  throw new ConfigError(
    `Expected a split { images, labels, size }, as data.train, but received ${describeValue(split)}.`,
    'split',
  )
}

function checkSize(size: number, largest: number, option: string): void {
  if (Number.isInteger(size) && size >= 1 && size <= largest) return
  throw new ConfigError(
    `${option} must be an integer from 1 to ${largest} for these images but is ${describeValue(size)}.`,
    option,
  )
}

/** Copies images in turns of a few milliseconds, so that the event loop goes on. */
async function gather(split: Split, indices: Uint32Array, which: SplitPart['which']): Promise<Split> {
  const pixels = split.images.length / split.size
  const images = new Uint8Array(indices.length * pixels)
  const imagesPerTurn = Math.max(1, Math.floor(bytesPerTurn / pixels))
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i] * pixels
    images.set(split.images.subarray(from, from + pixels), i * pixels)
    if (i % imagesPerTurn === imagesPerTurn - 1) await setImmediate()
  }
  return {
    images,
    labels: Int32Array.from(indices, index => split.labels[index]),
    size: indices.length,
    ids: Int32Array.from(indices, index => split.ids?.[index] ?? index),
    ...(split.name !== undefined && { name: split.name }),
    part: { of: split.size, which, ...(split.part && { within: split.part }) },
  }
}
