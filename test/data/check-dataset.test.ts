import { describe, expect, it } from 'vitest'
import { checkDataset, checkSplit } from '../../src/data/check-dataset.ts'
import { ConfigError, type RstError } from '../../src/errors.ts'

const shape = [1, 2, 2] as const
const failure = (body: () => unknown): RstError => {
  try {
    body()
  } catch (error) {
    return error as RstError
  }
  throw new Error('nothing was refused')
}

const images = { shape, classes: 3 }
const split = () => ({ images: new Uint8Array(8), labels: Int32Array.of(0, 2), size: 2 })

describe('checkSplit', () => {
  it('takes a split that fits', () => {
    checkSplit({ ...split(), ids: Int32Array.of(7, 3) }, images)
  })

  it.each<[string, unknown, string]>([
    ['null', null, 'received null'],
    ['a whole data set', { train: split(), test: split(), info: {} }, 'give its train or test split'],
    ['an empty split', { ...split(), size: 0 }, 'the split is empty'],
    ['float images', { ...split(), images: new Float32Array(8) }, 'Math.round(p * 255)'],
    ['an array of images', { ...split(), images: Array(8).fill(0) }, 'an array of 8'],
    ['fewer labels', { ...split(), labels: Int32Array.of(0) }, 'Expected 2 labels'],
    ['more labels', { ...split(), labels: Int32Array.of(0, 1, 2) }, 'received 3'],
    ['BigInt labels', { ...split(), labels: BigInt64Array.of(0n, 1n) }, 'Int32Array.from(labels, Number)'],
    ['an array of labels', { ...split(), labels: [0, 1] }, 'an array of 2'],
    ['a label too high', { ...split(), labels: Int32Array.of(0, 3) }, 'image 1 has 3'],
    ['another image size', { ...split(), images: new Uint8Array(9) }, 'received 9 values'],
    ['another count', { ...split(), size: 3 }, 'Expected 3 images'],
    ['short ids', { ...split(), ids: Int32Array.of(0) }, 'split.ids'],
    ['negative ids', { ...split(), ids: Int32Array.of(0, -1) }, 'split.ids'],
  ])('refuses %s', (_, given, message) => {
    const error = failure(() => checkSplit(given, images))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(message)
  })
})

const info = () => ({
  name: 'mine',
  classes: 3,
  classNames: ['a', 'b', 'c'],
  channels: 1,
  height: 2,
  width: 2,
  mean: [0.5],
  std: [0.5],
  flip: false,
})
const dataset = () => ({ train: split(), test: split(), info: info() })

describe('checkDataset', () => {
  it('takes a data set that fits', () => {
    checkDataset(dataset())
  })

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'datasets.cifar10()'],
    ['a split', split(), 'give the whole data set'],
    ['no info', { ...dataset(), info: null }, 'its info is null'],
    ['one class', { ...dataset(), info: { ...info(), classes: 1 } }, 'data.info.classes'],
    ['no height', { ...dataset(), info: { ...info(), height: undefined } }, 'data.info.height'],
    ['a mean too many', { ...dataset(), info: { ...info(), mean: [0, 0] } }, 'data.info.mean'],
    ['a deviation of 0', { ...dataset(), info: { ...info(), std: [0] } }, 'data.info.std'],
    ['no name', { ...dataset(), info: { ...info(), name: '' } }, 'data.info.name'],
    ['no flip', { ...dataset(), info: { ...info(), flip: 'no' } }, 'data.info.flip'],
    ['a wrong test split', { ...dataset(), test: { ...split(), labels: [] } }, 'data.test.labels'],
    ['no train split', { ...dataset(), train: undefined }, 'data.train'],
  ])('refuses %s', (_, given, message) => {
    const error = failure(() => checkDataset(given))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(message)
  })
})
