// The one check of each kind of images and labels that users hand in.
import type { Dataset, Split } from '../data/dataset.ts'
import { ConfigError, ShapeError } from '../errors.ts'
import { describeValue } from './options.ts'

/** Channels, height and width of an image. */
export type ImageShape = readonly [channels: number, height: number, width: number]

const valuesOf = (shape: ImageShape) => shape[0] * shape[1] * shape[2]

/** How far a pixel may lie outside [0, 1] by rounding; it is then clipped. */
const slack = 1e-6

/**
 * Images as float pixels.
 * @param option named in errors
 * @returns the pixels, in [0, 1]: a copy where some had to be clipped by up to 1e-6
 * @throws ConfigError for anything but a Float32Array of finite values in [0, 1], ShapeError for another count than
 * `images` (by default one image or more)
 */
export function checkPixels(
  pixels: unknown,
  shape: ImageShape,
  { images, option = 'pixels' }: { images?: number; option?: string } = {},
): Float32Array<ArrayBuffer> {
  if (!isFloat32Array(pixels)) {
    throw new ConfigError(
      `Expected a Float32Array of pixels from 0 to 1 for ${option} but received ${describeValue(pixels)}.`,
      option,
    )
  }
  const size = valuesOf(shape)
  const count = images ?? pixels.length / size
  if (pixels.length !== count * size || !Number.isInteger(count) || count < 1) {
    const wanted =
      images === undefined
        ? `images of [${shape.join(', ')}] (${size} values each)`
        : images === 1
          ? `${size} pixels for an image of [${shape.join(', ')}]`
          : `${images} images of [${shape.join(', ')}] (${images * size} values)`
    throw new ShapeError(`Expected ${wanted} in ${option} but received ${pixels.length} values.`)
  }
  let clipped: Float32Array<ArrayBuffer> | undefined
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]
    if (value >= 0 && value <= 1) continue
    if (!(value >= -slack && value <= 1 + slack)) {
      throw new ConfigError(
        `Expected pixels from 0 to 1 but image ${Math.floor(i / size)} of ${option} holds ${value}; divide 8-bit pixels by 255 and leave normalisation to the model.`,
        option,
      )
    }
    clipped ??= new Float32Array(pixels)
    clipped[i] = value < 0 ? 0 : 1
  }
  return clipped ?? (pixels as Float32Array<ArrayBuffer>)
}

/**
 * Classes, one an image.
 * @param images how many there must be
 * @param option named in errors
 * @throws ConfigError for anything but whole numbers from 0 to classes − 1, ShapeError for another count
 */
export function checkLabels(
  labels: unknown,
  classes: number,
  { images, option = 'labels' }: { images?: number; option?: string } = {},
): Int32Array<ArrayBuffer> {
  const length = (labels as ArrayLike<number> | null)?.length
  if (typeof labels !== 'object' || !Number.isSafeInteger(length)) {
    throw new ConfigError(
      `Expected the class of each image as an Int32Array or array for ${option} but received ${describeValue(labels)}.`,
      option,
    )
  }
  if (images !== undefined && length !== images) {
    throw new ShapeError(`Expected ${images} ${option}, one for each image, but received ${length}.`)
  }
  const checked = new Int32Array(length!)
  for (let i = 0; i < checked.length; i++) {
    const label: unknown = (labels as ArrayLike<unknown>)[i]
    if (!Number.isInteger(label) || (label as number) < 0 || (label as number) >= classes) {
      const hint =
        typeof label === 'bigint'
          ? '; convert BigInt labels by Int32Array.from(labels, Number)'
          : Array.isArray(label) || ArrayBuffer.isView(label)
            ? '; give class numbers, not one-hot rows'
            : ''
      throw new ConfigError(
        `Expected ${option} from 0 to ${classes - 1} but image ${i} has ${describeValue(label)}${hint}.`,
        option,
      )
    }
    checked[i] = label as number
  }
  return checked
}

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

// By tag and not by instanceof: arrays may come from another realm, such as a test runner's.
const tagOf = (value: unknown) => Object.prototype.toString.call(value)
export const isFloat32Array = (value: unknown): value is Float32Array =>
  tagOf(value) === '[object Float32Array]'
export const isFloat64Array = (value: unknown): value is Float64Array =>
  tagOf(value) === '[object Float64Array]'
export const isInt32Array = (value: unknown): value is Int32Array => tagOf(value) === '[object Int32Array]'
const isUint8Array = (value: unknown): value is Uint8Array => tagOf(value) === '[object Uint8Array]'
