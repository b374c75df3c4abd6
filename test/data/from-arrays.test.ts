import { describe, expect, it } from 'vitest'
import { usualEps } from '../../src/data/dataset.ts'
import { datasets } from '../../src/data/datasets.ts'
import type { ArraysOptions } from '../../src/data/from-arrays.ts'
import { RstError } from '../../src/errors.ts'

/** `size` images of two channels of 2×3 pixels: channel 0 is 51, channel 1 alternates between 0 and 255. */
const images = (size: number) =>
  Uint8Array.from({ length: size * 12 }, (_, i) => (i % 12 < 6 ? 51 : (i % 2) * 255))
const options = (changes: object = {}): ArraysOptions => ({
  name: 'mine',
  classes: 3,
  shape: [2, 2, 3],
  train: { images: images(4), labels: [0, 1, 2, 0] },
  test: { images: images(2), labels: Uint8Array.of(2, 1) },
  ...changes,
})

describe('a data set from arrays', () => {
  it('has what was given, and the statistics of its training pixels', () => {
    const given = options()
    const { train, test, info } = datasets.fromArrays(given)
    expect(train.images).toBe(given.train.images)
    expect(train).toMatchObject({ size: 4, labels: Int32Array.of(0, 1, 2, 0) })
    expect(test).toMatchObject({ size: 2, labels: Int32Array.of(2, 1) })
    expect(info).toMatchObject({ name: 'mine', classes: 3, classNames: ['0', '1', '2'] })
    expect(info).toMatchObject({ channels: 2, height: 2, width: 3, flip: false, usualEps: 8 / 255 })
    expect(info.mean[0]).toBeCloseTo(0.2, 12)
    expect(info.mean[1]).toBeCloseTo(0.5, 12)
    // The first channel is the same everywhere.
    expect(info.std[0]).toBeCloseTo(1, 12)
    expect(info.std[1]).toBeCloseTo(0.5, 12)
  })

  it('takes names, statistics, flip and the usual eps', () => {
    const given = { classes: undefined, classNames: ['a', 'b', 'c'], mean: [0.1, 0.2], std: [1, 2] }
    const { info } = datasets.fromArrays(options({ ...given, flip: true, usualEps: 0.1 }))
    expect(info).toMatchObject({ classes: 3, classNames: ['a', 'b', 'c'], mean: [0.1, 0.2], std: [1, 2] })
    expect(info.flip).toBe(true)
    expect(usualEps(info)).toBe(0.1)
  })

  it.each([
    [[0, 1, 2, 0]],
    [Int32Array.of(0, 1, 2, 0)],
    [Uint8Array.of(0, 1, 2, 0)],
    [Int16Array.of(0, 1, 2, 0)],
    [Float64Array.of(0, 1, 2, 0)],
  ])('takes labels as %o', labels => {
    const { train } = datasets.fromArrays(options({ train: { images: images(4), labels } }))
    expect(train.labels).toEqual(Int32Array.of(0, 1, 2, 0))
  })

  const withTrain = (changes: object) => ({
    train: { images: images(4), labels: [0, 1, 2, 0], ...changes },
  })
  it.each<[string, object | null, RegExp]>([
    ['no name', { name: '' }, /a text for name/],
    ['no classes', { classes: undefined }, /classes or classNames/],
    ['one class', { classes: 1 }, /from 2 to 1000000 for classes/],
    ['names that do not match', { classNames: ['a', 'b'] }, /Expected 3 classNames/],
    ['the same name twice', { classNames: ['a', 'b', 'b'] }, /different texts for classNames/],
    ['a shape of two', { shape: [2, 6] }, /\[channels, height, width\]/],
    ['a shape of 0', { shape: [2, 0, 3] }, /each of at least 1/],
    ['no train', { train: undefined }, /for train/],
    ['no test images', { test: { labels: [0] } }, /Uint8Array of pixels from 0 to 255 for images of test/],
    ['float pixels', withTrain({ images: new Float32Array(48) }), /Uint8Array of pixels/],
    ['number[] pixels', withTrain({ images: new Array(48).fill(0) }), /Uint8Array of pixels/],
    ['no image', withTrain({ images: new Uint8Array(0) }), /images of \[2, 2, 3\]/],
    ['a part of an image', withTrain({ images: new Uint8Array(47) }), /12 values each/],
    ['fewer labels', withTrain({ labels: [0, 1, 2] }), /Expected 4 train.labels/],
    ['more labels', withTrain({ labels: [0, 1, 2, 0, 0] }), /received 5/],
    ['BigInt labels', withTrain({ labels: BigInt64Array.of(0n, 1n, 2n, 0n) }), /convert BigInt/],
    ['one-hot labels', withTrain({ labels: [[1, 0], [1], [0], [0]] }), /not one-hot rows/],
    ['NaN labels', withTrain({ labels: [0, Number.NaN, 1, 2] }), /image 1 has NaN/],
    ['labels out of range', withTrain({ labels: [0, 3, 1, 2] }), /from 0 to 2 but image 1 has 3/],
    ['negative labels', withTrain({ labels: [0, 1, -1, 2] }), /image 2 has -1/],
    ['text labels', withTrain({ labels: '0120' }), /array of classes for labels of train/],
    ['an unknown option of a split', withTrain({ size: 4 }), /train has no option size/],
    ['an unknown option', { num_classes: 3 }, /has no option num_classes/],
    ['a mean for another number of channels', { mean: [0] }, /Expected 2 numbers, one a channel/],
    ['a std of 0', { std: [1, 0] }, /above 0/],
    ['a NaN mean', { mean: [0, Number.NaN] }, /for mean/],
    ['flip as a text', { flip: 'no' }, /true or false for flip/],
    ['an eps in levels', { usualEps: 8 }, /for usualEps/],
    ['nothing', null, /an object of options/],
  ])('refuses %s', (_, changes, message) => {
    const make = () => datasets.fromArrays(changes === null ? (undefined as never) : options(changes))
    expect(make).toThrow(RstError)
    expect(make).toThrow(message)
  })
})

it('every data set of the catalogue has its usual eps', () => {
  const eps = Object.fromEntries(datasets.list().map(({ name }) => [name, usualEps(datasets.info(name))]))
  expect(eps).toEqual({ cifar10: 8 / 255, cifar100: 8 / 255, mnist: 0.1, 'fashion-mnist': 0.1 })
  expect(usualEps({})).toBe(8 / 255)
})
