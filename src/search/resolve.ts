// Defaults and checks of the training options.
import type { InnerAttack } from '../attacks/inner-attack.ts'
import { pgd } from '../attacks/pgd.ts'
import { type Dataset, type Split, usualEps } from '../data/dataset.ts'
import { holdOut, subset } from '../data/subset.ts'
import { ConfigError } from '../errors.ts'
import * as models from '../models/index.ts'
import type { NetworkOptions } from '../nn/network.ts'
import { type Pattern, patterns } from '../nn/pattern.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import type { TrainingOptions } from './options.ts'
import { checkSchedule, defaultSchedule, type Schedule } from './schedule.ts'
import { isCandidate, type Selection } from './selection.ts'

/** Training options with nothing left open. */
export interface ResolvedTraining {
  readonly arch: string
  readonly data: Dataset
  /** The images trained on. */
  readonly images: Split
  readonly selectOn: 'validation' | 'test' | 'last'
  /** Null where the last epoch is taken. */
  readonly selection: Selection | null
  readonly width: number
  readonly inner: InnerAttack | null
  readonly epochs: number
  readonly batchSize: number
  readonly lr: number
  readonly schedule: Schedule
  readonly momentum: number
  readonly weightDecay: number
  readonly labelSmoothing: number
  readonly augment: boolean
  readonly attackBatchNorm: 'train' | 'eval'
  readonly seed: number
  readonly device: Device
  readonly signal: AbortSignal | undefined
  readonly onProgress: TrainingOptions['onProgress']
  readonly runDir: string | undefined
  readonly resume: boolean
}

/** @throws ConfigError naming the option at fault */
export async function resolveTraining(options: TrainingOptions): Promise<ResolvedTraining> {
  const { data, epochs = 160, seed = 0, schedule = defaultSchedule, limit } = options
  const number = (name: keyof TrainingOptions, fallback: number, low: number, high: number, whole = false) =>
    checkNumber(name, (options[name] as number | undefined) ?? fallback, low, high, whole)
  number('epochs', 160, 1, 1e6, true)
  checkSchedule(schedule, epochs)
  checkSeed('seed', seed)
  const { attackBatchNorm = 'train' } = options
  if (attackBatchNorm !== 'train' && attackBatchNorm !== 'eval') {
    throw new ConfigError(
      `Expected 'train' or 'eval' for attackBatchNorm but received '${attackBatchNorm}'.`,
      'attackBatchNorm',
    )
  }
  const inner = options.inner === undefined ? pgd({ eps: usualEps(data.info), steps: 7 }) : options.inner
  const available = limit === undefined ? data.train : await subset(data.train, limit, seed)
  return {
    arch: models.canonicalName(options.arch),
    data,
    ...(await resolveSelection(options, available, {
      epochs,
      seed,
      eps: inner ? Number(inner.settings.eps) : null,
    })),
    selectOn: options.selectOn ?? 'validation',
    width: options.width ?? 1,
    inner,
    epochs,
    batchSize: number('batchSize', 256, 2, 65536, true),
    lr: number('lr', 0.1, 0, 1e6),
    schedule,
    momentum: number('momentum', 0.9, 0, 1),
    weightDecay: number('weightDecay', 5e-4, 0, 1e6),
    labelSmoothing: number('labelSmoothing', 0, 0, 0.999),
    augment: options.augment ?? true,
    attackBatchNorm,
    seed,
    device: resolveDevice(options.device, options.threads),
    signal: options.signal,
    onProgress: options.onProgress,
    runDir: options.runDir,
    resume: options.resume ?? false,
  }
}

/** The images to train on, and those that choose among the epochs. */
async function resolveSelection(
  { data, selectOn = 'validation', selectEvery = 3, validationImages }: TrainingOptions,
  available: Split,
  { epochs, seed, eps }: { epochs: number; seed: number; eps: number | null },
): Promise<{ images: Split; selection: Selection | null }> {
  if (!['validation', 'test', 'last'].includes(selectOn)) {
    throw new ConfigError(
      `Expected 'validation', 'test' or 'last' for selectOn but received '${selectOn}'.`,
      'selectOn',
    )
  }
  const every = checkNumber('selectEvery', selectEvery, 1, 1e6, true)
  const candidates = Array.from({ length: epochs }, (_, epoch) => epoch).filter(e =>
    isCandidate(e, epochs, every),
  )
  if (selectOn === 'last' || candidates.length === 1) return { images: available, selection: null }
  const wanted = validationImages ?? Math.max(1, Math.min(1000, Math.floor(available.size / 10)))
  if (selectOn === 'test') {
    const images = wanted < data.test.size ? await subset(data.test, wanted, seed) : data.test
    return { images: available, selection: { images, every, eps } }
  }
  checkNumber('validationImages', wanted, 1, available.size - 1, true)
  const { rest, heldOut } = await holdOut(available, wanted, seed)
  return { images: rest, selection: { images: heldOut, every, eps } }
}

export function checkNumber(name: string, value: number, low: number, high: number, whole = false): number {
  if (typeof value === 'number' && value >= low && value <= high && (!whole || Number.isInteger(value)))
    return value
  const kind = whole ? 'a whole number' : 'a number'
  throw new ConfigError(`Expected ${kind} from ${low} to ${high} for ${name} but received ${value}.`, name)
}

export function checkSeed(name: string, seed: number): number {
  return checkNumber(name, seed, 0, Number.MAX_SAFE_INTEGER, true)
}

/** @throws ConfigError */
export function checkMask(remainingRatio: number, pattern: Pattern): void {
  if (!(remainingRatio > 0 && remainingRatio <= 1)) {
    throw new ConfigError(
      `Expected a remainingRatio above 0 and up to 1 (0.05 keeps 5 %) but received ${remainingRatio}.`,
      'remainingRatio',
    )
  }
  checkOneOf('pattern', pattern, patterns)
}

export function checkOneOf<T extends string>(name: string, value: T, allowed: readonly T[]): void {
  if (!allowed.includes(value)) {
    throw new ConfigError(`Expected one of ${allowed.join(', ')} for ${name} but received '${value}'.`, name)
  }
}

/** The network options that a data set and a device imply. */
export function networkOptions(data: Pick<Dataset, 'info'>, width: number, device: Device): NetworkOptions {
  const { classes, channels, height, width: imageWidth, mean, std } = data.info
  return { classes, inChannels: channels, imageSize: [height, imageWidth], width, mean, std, device }
}

/** The options that decide the result, as plain JSON: for run folders and tickets. */
export function recipeOf(training: ResolvedTraining) {
  const { arch, width, epochs, batchSize, lr, schedule, momentum, weightDecay, labelSmoothing, augment } =
    training
  return {
    arch,
    width,
    dataset: training.data.info.name,
    trainImages: training.images.size,
    selectedOn: training.selection
      ? { images: training.selection.images.size, every: training.selection.every, on: training.selectOn }
      : 'last',
    inner: training.inner ? { name: training.inner.name, ...training.inner.settings } : null,
    attackBatchNorm: training.attackBatchNorm,
    epochs,
    batchSize,
    lr,
    schedule: { ...schedule },
    momentum,
    weightDecay,
    labelSmoothing,
    augment,
    seed: training.seed,
  }
}
