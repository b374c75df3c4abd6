// The one check of each kind of images and labels that users hand in.
import { setImmediate } from 'node:timers/promises'
import { ConfigError, ShapeError } from '../errors.ts'
import { describeValue } from './options.ts'

/** Channels, height and width of an image. */
export type ImageShape = readonly [channels: number, height: number, width: number]

/** Pixels of an image, over its channels. */
export const valuesOf = (shape: ImageShape) => shape[0] * shape[1] * shape[2]

/** How far a pixel may lie outside [0, 1] by rounding; it is then clipped. */
const slack = 1e-6

/** Of a check: how many images there must be, by default one or more, and the option that errors name. */
interface PixelChecks {
  images?: number
  option?: string
}

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
  checks: PixelChecks = {},
): Float32Array<ArrayBuffer> {
  const slices = checkedSlices(pixels, shape, checks)
  for (;;) {
    const { done, value } = slices.next()
    if (done) return value
  }
}

/** As checkPixels, but lets the event loop run every millisecond or so; the pixels must not change meanwhile. */
export async function checkPixelsInSlices(
  pixels: unknown,
  shape: ImageShape,
  checks: PixelChecks = {},
): Promise<Float32Array<ArrayBuffer>> {
  const slices = checkedSlices(pixels, shape, checks)
  for (;;) {
    const { done, value } = slices.next()
    if (done) return value
    await setImmediate()
  }
}

/** Pixels that are checked in one go. */
const sliceSize = 2 ** 18

function* checkedSlices(
  pixels: unknown,
  shape: ImageShape,
  { images, option = 'pixels' }: PixelChecks,
): Generator<void, Float32Array<ArrayBuffer>> {
  if (!isFloat32Array(pixels)) {
    throw new ConfigError(
      `Expected a Float32Array of pixels from 0 to 1 for ${option} but received ${describeValue(pixels)}.`,
      option,
    )
  }
  const size = valuesOf(shape)
  checkCount(pixels, shape, { images, option })
  let isInside = true
  for (let from = 0; from < pixels.length; from += sliceSize) {
    if (from > 0) yield
    isInside = isSliceInside(pixels, from, size, option) && isInside
  }
  if (isInside) return pixels as Float32Array<ArrayBuffer>
  const clipped = new Float32Array(pixels.length)
  for (let from = 0; from < pixels.length; from += sliceSize) {
    yield
    clipSlice(pixels, from, clipped)
  }
  return clipped
}

/** @throws ShapeError */
function checkCount(
  pixels: Float32Array,
  shape: ImageShape,
  { images, option }: { images: number | undefined; option: string },
): void {
  const size = valuesOf(shape)
  const count = images ?? pixels.length / size
  if (pixels.length === count * size && Number.isInteger(count) && count >= 1) return
  const wanted =
    images === undefined
      ? `images of [${shape.join(', ')}] (${size} values each)`
      : images === 1
        ? `${size} pixels for an image of [${shape.join(', ')}]`
        : `${images} images of [${shape.join(', ')}] (${images * size} values)`
  throw new ShapeError(`Expected ${wanted} in ${option} but received ${pixels.length} values.`)
}

/** Whether none of a slice is to be clipped. @throws ConfigError for a pixel too far outside for that */
function isSliceInside(pixels: Float32Array, from: number, size: number, option: string): boolean {
  const to = Math.min(pixels.length, from + sliceSize)
  let isInside = true
  for (let i = from; i < to; i++) {
    const value = pixels[i]
    if (value >= 0 && value <= 1) continue
    if (!(value >= -slack && value <= 1 + slack)) {
      throw new ConfigError(
        `Expected pixels from 0 to 1 but image ${Math.floor(i / size)} of ${option} holds ${value}; divide 8-bit pixels by 255 and leave normalisation to the model.`,
        option,
      )
    }
    isInside = false
  }
  return isInside
}

function clipSlice(pixels: Float32Array, from: number, out: Float32Array): void {
  const to = Math.min(pixels.length, from + sliceSize)
  for (let i = from; i < to; i++) {
    const value = pixels[i]
    out[i] = value < 0 ? 0 : value > 1 ? 1 : value
  }
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
