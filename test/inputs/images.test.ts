import { describe, expect, it } from 'vitest'
import { ConfigError, type RstError, ShapeError } from '../../src/errors.ts'
import { checkLabels, checkPixels } from '../../src/inputs/images.ts'

const shape = [1, 2, 2] as const
const failure = (body: () => unknown): RstError => {
  try {
    body()
  } catch (error) {
    return error as RstError
  }
  throw new Error('nothing was refused')
}

describe('checkPixels', () => {
  it('hands back pixels in [0, 1] as they are', () => {
    const pixels = Float32Array.of(0, 1, 0.5, 1e-30)
    expect(checkPixels(pixels, shape)).toBe(pixels)
  })

  it('clips a copy of pixels that lie outside by rounding', () => {
    const pixels = Float32Array.of(-1e-7, 1 + 1e-6, 0.5, -0)
    const given = pixels.slice()
    expect([...checkPixels(pixels, shape)]).toEqual([0, 1, 0.5, -0])
    expect(pixels).toEqual(given)
  })

  it.each<[string, unknown, typeof RstError.prototype.constructor, string]>([
    ['8-bit values', Float32Array.of(0, 255, 3, 4), ConfigError, 'divide 8-bit pixels by 255'],
    ['normalised pixels', Float32Array.of(-1.9, 0, 0, 0), ConfigError, 'image 0 of pixels holds -1.89'],
    ['NaN', Float32Array.of(0, 0, 0, 0, 0, Number.NaN, 0, 0), ConfigError, 'image 1 of pixels holds NaN'],
    ['infinity', Float32Array.of(0, Infinity, 0, 0), ConfigError, 'Infinity'],
    ['an array', [0, 0, 0, 0], ConfigError, 'received an array of 4'],
    ['a Uint8Array', new Uint8Array(4), ConfigError, 'a Uint8Array of 4'],
    ['a Float64Array', new Float64Array(4), ConfigError, 'a Float64Array of 4'],
    ['nothing', undefined, ConfigError, 'received nothing'],
    ['no image', new Float32Array(0), ShapeError, 'received 0 values'],
    ['half an image', new Float32Array(6), ShapeError, 'images of [1, 2, 2] (4 values each)'],
  ])('refuses %s', (_, pixels, kind, message) => {
    const error = failure(() => checkPixels(pixels, shape))
    expect(error).toBeInstanceOf(kind)
    expect(error.message).toContain(message)
  })

  it('refuses another number of images than asked for', () => {
    expect(failure(() => checkPixels(new Float32Array(8), shape, { images: 1 })).message).toContain(
      'Expected 4 pixels for an image of [1, 2, 2]',
    )
  })
})

describe('checkLabels', () => {
  it('takes arrays and typed arrays of classes', () => {
    expect([...checkLabels([0, 2], 3)]).toEqual([0, 2])
    expect([...checkLabels(Uint8Array.of(1), 3)]).toEqual([1])
  })

  it.each<[string, unknown, string]>([
    ['BigInt labels', BigInt64Array.of(1n), 'Int32Array.from(labels, Number)'],
    ['one-hot rows', [[0, 1]], 'not one-hot rows'],
    ['NaN', [Number.NaN], 'image 0 has NaN'],
    ['a fraction', [0.5], 'image 0 has 0.5'],
    ['a class too high', [0, 3], 'from 0 to 2 but image 1 has 3'],
    ['a negative class', [-1], 'image 0 has -1'],
    ['a text', ['cat'], "'cat'"],
    ['a string', '012', "received '012'"],
    ['a hole', new Array(1), 'nothing'],
    ['null', null, 'received null'],
  ])('refuses %s', (_, labels, message) => {
    const error = failure(() => checkLabels(labels, 3))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(message)
  })

  it('refuses another number of labels than images', () => {
    expect(failure(() => checkLabels([0], 3, { images: 2 }))).toBeInstanceOf(ShapeError)
  })
})
