// The one check of data sets and splits that users hand in.
import { ConfigError } from '../errors.ts'
import { type ImageShape, isInt32Array, isUint8Array, valuesOf } from '../inputs/images.ts'
import { describeValue } from '../inputs/options.ts'
import type { Dataset, Split } from './dataset.ts'

/**
 * @param what the images must be: `shape` and `classes` of the model or data set that they are for
 * @param option named in errors
 * @throws ConfigError that says which field is wrong
 */
export function checkSplit(
  split: unknown,
  { shape, classes }: { shape: ImageShape; classes: number },
  option = 'split',
): asserts split is Split {
  const wrong = (message: string) => new ConfigError(message, option)
  if (typeof split !== 'object' || split === null) {
    throw wrong(
      `Expected a split { images, labels, size } for ${option} but received ${describeValue(split)}.`,
    )
  }
  if ('train' in split && 'test' in split && !('images' in split)) {
    throw wrong(
      `Expected one split for ${option} but received a whole data set: give its train or test split.`,
    )
  }
  const { images, labels, size, ids } = split as Partial<Record<keyof Split, unknown>>
  if (!Number.isSafeInteger(size) || (size as number) < 1) {
    throw wrong(
      `Expected at least one image in ${option}.size but it is ${size === 0 ? '0: the split is empty' : describeValue(size)}.`,
    )
  }
  if (!isUint8Array(images)) {
    throw wrong(
      `Expected 8-bit pixels, a Uint8Array of 0 to 255, for ${option}.images but received ${describeValue(images)}; float pixels p in [0, 1] become Uint8Array.from(pixels, p => Math.round(p * 255)).`,
    )
  }
  const expected = (size as number) * valuesOf(shape)
  if (images.length !== expected) {
    throw wrong(
      `Expected ${size} images of [${shape.join(', ')}] (${expected} values) for ${option}.images but received ${images.length} values.`,
    )
  }
  if (!isInt32Array(labels)) {
    throw wrong(
      `Expected an Int32Array of classes for ${option}.labels but received ${describeValue(labels)}; Int32Array.from(labels, Number) makes one.`,
    )
  }
  if (labels.length !== size) {
    throw wrong(
      `Expected ${size} labels, one for each image, for ${option}.labels but received ${labels.length}.`,
    )
  }
  const i = labels.findIndex(label => label < 0 || label >= classes)
  if (i >= 0) {
    throw wrong(`Expected labels from 0 to ${classes - 1} in ${option} but image ${i} has ${labels[i]}.`)
  }
  if (ids === undefined) return
  if (!isInt32Array(ids) || ids.length !== size || ids.some(id => id < 0)) {
    throw wrong(
      `Expected the numbers of the ${size} images, an Int32Array of values from 0, for ${option}.ids but received ${describeValue(ids)}.`,
    )
  }
}

/** @throws ConfigError that says which field is wrong */
export function checkDataset(data: unknown, option = 'data'): asserts data is Dataset {
  const wrong = (message: string) => new ConfigError(message, option)
  if (typeof data !== 'object' || data === null) {
    throw wrong(
      `Expected a data set { train, test, info }, as datasets.cifar10() gives, for ${option} but received ${describeValue(data)}.`,
    )
  }
  const { train, test, info } = data as Partial<Record<keyof Dataset, unknown>>
  if (typeof info !== 'object' || info === null) {
    const hint = 'images' in data ? ': this is one split; give the whole data set' : ''
    throw wrong(`Expected a data set with info for ${option} but its info is ${describeValue(info)}${hint}.`)
  }
  const { name, classes, channels, height, width, mean, std, flip, usualEps } = info as Record<
    string,
    unknown
  >
  const sizes: [string, unknown, number][] = [
    ['classes', classes, 2],
    ['channels', channels, 1],
    ['height', height, 1],
    ['width', width, 1],
  ]
  for (const [field, value, low] of sizes) {
    if (Number.isSafeInteger(value) && (value as number) >= low) continue
    throw wrong(
      `Expected a whole number of at least ${low} for ${option}.info.${field} but received ${describeValue(value)}.`,
    )
  }
  for (const [field, values] of [
    ['mean', mean],
    ['std', std],
  ] as const) {
    const valid =
      Array.isArray(values) &&
      values.length === channels &&
      values.every(v => Number.isFinite(v) && (field === 'mean' || v > 0))
    if (valid) continue
    throw wrong(
      `Expected ${channels} ${field === 'std' ? 'numbers above 0' : 'numbers'}, one a channel, for ${option}.info.${field} but received ${Array.isArray(values) ? `[${values.join(', ')}]` : describeValue(values)}.`,
    )
  }
  if (typeof name !== 'string' || name === '') {
    throw wrong(`Expected a name for ${option}.info.name but received ${describeValue(name)}.`)
  }
  if (typeof flip !== 'boolean') {
    throw wrong(`Expected true or false for ${option}.info.flip but received ${describeValue(flip)}.`)
  }
  if (usualEps !== undefined && !(Number.isFinite(usualEps) && (usualEps as number) > 0)) {
    throw wrong(
      `Expected a number above 0 for ${option}.info.usualEps but received ${describeValue(usualEps)}.`,
    )
  }
  const images = { shape: [channels, height, width] as unknown as ImageShape, classes: classes as number }
  checkSplit(train, images, `${option}.train`)
  checkSplit(test, images, `${option}.test`)
}
