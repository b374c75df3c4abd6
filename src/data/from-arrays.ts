// A data set of the user's own.
import { ConfigError } from '../errors.ts'
import { checkLabels, type ImageShape } from '../inputs/images.ts'
import { count, flag, kind, number, required, text } from '../inputs/kinds.ts'
import { checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'
import { channelStatistics } from './channel-statistics.ts'
import { checkDataset } from './check-dataset.ts'
import { type Dataset, type DatasetInfo, datasetOf, type Split } from './dataset.ts'

/** One split of a data set of your own. */
export interface ImagesAndLabels {
  /** Pixels, [N, channels, height, width], 0…255. */
  images: Uint8Array
  /** Class of each image, 0…classes − 1, [N]. */
  labels: ArrayLike<number>
}

/** A data set of your own. */
export interface ArraysOptions {
  /** What reports and tickets call it. */
  name: string
  /** Number of classes, 2 to 10^6. Default: that of `classNames`; one of the two is needed. */
  classes?: number
  /** By class number, [classes]. Default: '0', '1', … */
  classNames?: readonly string[]
  /** Channels, height and width of every image. */
  shape: readonly [channels: number, height: number, width: number]
  /** The images to train on, at least one. */
  train: ImagesAndLabels
  /** The images to evaluate on, at least one. */
  test: ImagesAndLabels
  /** Whether mirroring an image keeps its class; then training mirrors half of them. Default false. */
  flip?: boolean
  /** Of each channel's training pixels in [0, 1], by which images are normalised. Default: computed. */
  mean?: readonly number[]
  /** Standard deviation of each channel's training pixels in [0, 1], above 0. Default: computed. */
  std?: readonly number[]
  /** L∞ radius that attacks have where none is given, above 0 and up to 1. Default 8/255. */
  usualEps?: number
}

const numbers = (expected: string, accepts: (value: number) => boolean) =>
  kind(
    expected,
    values =>
      Array.isArray(values) && values.length > 0 && values.every(v => Number.isFinite(v) && accepts(v)),
  )
const images = required(
  kind('an object { images, labels }', value => typeof value === 'object' && value !== null),
)

export const arraysRows: OptionRows<ArraysOptions> = {
  name: required(text),
  classes: count(2, 1e6),
  classNames: kind(
    'two or more different texts',
    names =>
      Array.isArray(names) &&
      names.length >= 2 &&
      new Set(names).size === names.length &&
      names.every(name => typeof name === 'string'),
  ),
  shape: required(
    kind(
      'three whole numbers [channels, height, width], each of at least 1,',
      shape =>
        Array.isArray(shape) && shape.length === 3 && shape.every(n => Number.isSafeInteger(n) && n >= 1),
    ),
  ),
  train: images,
  test: images,
  flip: flag,
  mean: numbers('an array of numbers, one a channel,', () => true),
  std: numbers('an array of numbers above 0, one a channel,', value => value > 0),
  usualEps: number(0, 1, { above: true }),
}
const splitRows: OptionRows<ImagesAndLabels> = {
  images: required(
    kind(
      'a Uint8Array of pixels from 0 to 255',
      value => Object.prototype.toString.call(value) === '[object Uint8Array]',
    ),
  ),
  labels: required(kind('an array of classes', value => typeof value === 'object' && value !== null)),
}

/** See datasets.fromArrays. @throws ConfigError, ShapeError */
export function fromArrays(options: ArraysOptions): Dataset {
  checkOptions('datasets.fromArrays', options, arraysRows)
  const { name, shape, classNames, flip = false, usualEps = 8 / 255 } = options
  const classes = options.classes ?? classNames?.length
  if (classes === undefined) {
    throw new ConfigError(
      'Expected classes or classNames, how many classes there are, but received neither.',
      'classes',
    )
  }
  if (classNames !== undefined && classNames.length !== classes) {
    throw new ConfigError(
      `Expected ${classes} classNames, as many as classes, but received ${classNames.length}.`,
      'classNames',
    )
  }
  const train = splitFrom(options.train, shape, classes, 'train')
  const test = splitFrom(options.test, shape, classes, 'test')
  const [channels, height, width] = shape
  const computed =
    options.mean === undefined || options.std === undefined
      ? channelStatistics(train.images, channels, height * width)
      : undefined
  const info: DatasetInfo = {
    name,
    classes,
    classNames: classNames ?? Array.from({ length: classes }, (_, label) => String(label)),
    channels,
    height,
    width,
    mean: options.mean ?? computed!.mean,
    // A channel that is the same everywhere needs no scale.
    std: options.std ?? computed!.std.map(value => value || 1),
    flip,
    usualEps,
  }
  const data = datasetOf(info, { train, test })
  checkDataset(data, 'options')
  return data
}

function splitFrom(given: unknown, shape: ImageShape, classes: number, option: string): Split {
  checkOptions<ImagesAndLabels>(option, given, splitRows)
  const { images } = given
  const pixels = shape[0] * shape[1] * shape[2]
  const size = images.length / pixels
  if (!Number.isInteger(size) || size < 1) {
    throw new ConfigError(
      `Expected images of [${shape.join(', ')}] (${pixels} values each) for ${option}.images but received ${describeValue(images)}.`,
      option,
    )
  }
  const labels = checkLabels(given.labels, classes, { images: size, option: `${option}.labels` })
  return { images, labels, size }
}
