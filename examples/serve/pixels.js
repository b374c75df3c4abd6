// @ts-check
// What a request holds, as the pixels [C·H·W] in [0, 1] that a network takes.
import { BadRequest } from './bad-request.js'
import { decodeImage, imageTypes } from './image.js'

/** Content types that are read whole; JSON is parsed. */
export const bufferTypes = ['application/octet-stream', ...imageTypes]

/**
 * @param {unknown} body
 * @param {string} type its content type
 * @param {readonly [number, number, number]} shape [C, H, W] of the network
 * @param {{ maxPixels: number }} limits
 * @returns {Promise<Float32Array> | Float32Array}
 * @throws {BadRequest}
 */
export function readPixels(body, type, shape, limits) {
  if (type.startsWith('application/json')) return fromJson(body, shape)
  const bytes = /** @type {Buffer} */ (body)
  return type.startsWith('image/') ? decodeImage(bytes, shape, limits) : fromBytes(bytes, shape)
}

/** @param {unknown} body @param {readonly [number, number, number]} shape */
function fromJson(body, shape) {
  const values = /** @type {{ pixels?: unknown } | null} */ (body)?.pixels
  const size = sizeOf(shape)
  if (!Array.isArray(values) || values.length !== size) {
    const came = Array.isArray(values) ? `${values.length} of them` : 'none'
    throw new BadRequest(
      `Expected {"pixels": […]} of ${size} numbers, [${shape.join(', ')}] in this order, but received ${came}.`,
    )
  }
  const pixels = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    // A string or null would become a number on the way.
    pixels[i] = typeof values[i] === 'number' ? values[i] : Number.NaN
  }
  return checked(pixels)
}

/** Floats of four bytes, little-endian, in [0, 1]; or bytes from 0 to 255: which ones, the length tells. */
/** @param {Buffer} bytes @param {readonly [number, number, number]} shape */
function fromBytes(bytes, shape) {
  const size = sizeOf(shape)
  if (bytes.length === size) return Float32Array.from(bytes, byte => byte / 255)
  if (bytes.length === 4 * size) {
    const pixels = new Float32Array(size)
    new Uint8Array(pixels.buffer).set(bytes)
    return checked(pixels)
  }
  throw new BadRequest(
    `Expected ${size} bytes, or ${4 * size} of float32, of pixels [${shape.join(', ')}] but received ${bytes.length}.`,
  )
}

/** @param {Float32Array} pixels */
function checked(pixels) {
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] >= 0 && pixels[i] <= 1) continue
    throw new BadRequest(
      `Expected pixels from 0 to 1 but number ${i} is ${pixels[i]}; divide 8-bit pixels by 255, and do not normalise them.`,
    )
  }
  return pixels
}

/** @param {readonly number[]} shape */
const sizeOf = shape => shape.reduce((product, d) => product * d, 1)
