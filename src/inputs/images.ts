// The one check of each kind of images and labels that users hand in.
import { ConfigError, ShapeError } from '../errors.ts'
import { describeValue } from './options.ts'

/** Channels, height and width of an image. */
export type ImageShape = readonly [channels: number, height: number, width: number]

/** Pixels of an image, over its channels. */
export const valuesOf = (shape: ImageShape) => shape[0] * shape[1] * shape[2]

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

// By tag and not by instanceof: arrays may come from another realm, such as a test runner's.
const tagOf = (value: unknown) => Object.prototype.toString.call(value)
export const isFloat32Array = (value: unknown): value is Float32Array =>
  tagOf(value) === '[object Float32Array]'
export const isFloat64Array = (value: unknown): value is Float64Array =>
  tagOf(value) === '[object Float64Array]'
export const isInt32Array = (value: unknown): value is Int32Array => tagOf(value) === '[object Int32Array]'
export const isUint8Array = (value: unknown): value is Uint8Array => tagOf(value) === '[object Uint8Array]'
