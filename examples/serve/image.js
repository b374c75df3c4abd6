// @ts-check
// Image files as pixels, by sharp.
import sharp from 'sharp'
import { BadRequest } from './bad-request.js'

/** Of these only: other decoders of the library see nothing that users send. */
export const imageTypes = ['image/png', 'image/jpeg', 'image/webp']
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp'] })
// Images are many and small: one thread each, and nothing to keep.
sharp.concurrency(1)
sharp.cache(false)

/**
 * Turned as its EXIF data say, on black where it is transparent, scaled and cut about its centre to the network's size,
 * grey or RGB as the network takes it. An image that has this size already keeps its pixels.
 *
 * @param {Buffer} bytes
 * @param {readonly [number, number, number]} shape [C, H, W]
 * @param {{ maxPixels: number }} limits
 * @returns {Promise<Float32Array>} [C·H·W] in [0, 1]
 * @throws {BadRequest}
 */
export async function decodeImage(bytes, [channels, height, width], { maxPixels }) {
  if (channels !== 1 && channels !== 3) {
    throw new BadRequest(
      `This network takes ${channels} channels: send raw pixels, an image file has 1 or 3.`,
      415,
    )
  }
  const image = sharp(bytes, { limitInputPixels: false, failOn: 'error' })
  const data = await soundly(async () => {
    const size = await image.metadata()
    if (size.width * size.height > maxPixels) {
      throw new BadRequest(
        `Expected an image of up to ${maxPixels} pixels but received ${size.width}×${size.height}.`,
        413,
      )
    }
    return image
      .autoOrient()
      .flatten()
      .resize(width, height, { fit: 'cover' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer()
  })
  const pixels = new Float32Array(channels * height * width)
  const plane = height * width
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) pixels[c * plane + i] = data[i * channels + c] / 255
  }
  return pixels
}

/** @template T @param {() => Promise<T>} decode */
async function soundly(decode) {
  try {
    return await decode()
  } catch (error) {
    if (error instanceof BadRequest) throw error
    throw new BadRequest(`Expected a whole PNG, JPEG or WebP image: ${/** @type {Error} */ (error).message}.`)
  }
}
