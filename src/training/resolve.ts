// Defaults and checks of the training options.
import type { Attack } from '../attacks/frame/attack.ts'
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import { pgd } from '../attacks/pgd.ts'
import { checkDataset } from '../data/check-dataset.ts'
import { type Dataset, type Split, usualEps } from '../data/dataset.ts'
import { holdOut, subset } from '../data/subset.ts'
import { ConfigError } from '../errors.ts'
import { checkOption } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import type { NetworkOptions } from '../nn/network.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import { searchRows } from './option-rows.ts'
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
  readonly dataSeed: number
  readonly device: Device
  readonly signal: AbortSignal | undefined
  readonly onProgress: TrainingOptions['onProgress']
  readonly onWarning: (message: string) => void
  readonly runDir: string | undefined
  readonly resume: boolean
  readonly checkpointMinutes: number
}

/**
 * @param options that fit their rows
 * @throws ConfigError naming the option at fault
 */
export async function resolveTraining(options: TrainingOptions): Promise<ResolvedTraining> {
  const { data, epochs = 160, seed = 0, dataSeed = seed, schedule = defaultSchedule, limit } = options
  checkDataset(data)
  const { inner = pgd({ eps: usualEps(data.info), steps: 7 }), runDir, resume = false } = options
  checkSchedule(schedule, epochs)
  if (inner === null && options.attackBatchNorm !== undefined) {
    throw new ConfigError(
      'Expected no attackBatchNorm in natural training (inner: null), which has no attack.',
      'attackBatchNorm',
    )
  }
  if (resume && runDir === undefined) {
    throw new ConfigError('Expected runDir, the folder of the run to resume, together with resume.', 'runDir')
  }
  const available = limit === undefined ? data.train : await subset(data.train, limit, dataSeed)
  return {
    arch: models.canonicalName(options.arch),
    data,
    ...(await resolveSelection(options, available, { epochs, dataSeed, inner })),
    selectOn: options.selectOn ?? 'validation',
    width: options.width ?? 1,
    inner,
    epochs,
    batchSize: options.batchSize ?? 256,
    lr: options.lr ?? 0.1,
    schedule,
    momentum: options.momentum ?? 0.9,
    weightDecay: options.weightDecay ?? 5e-4,
    labelSmoothing: options.labelSmoothing ?? 0,
    augment: options.augment ?? true,
    attackBatchNorm: options.attackBatchNorm ?? 'train',
    seed,
    dataSeed,
    device: resolveDevice(options.device, options.threads),
    signal: options.signal,
    onProgress: options.onProgress,
    onWarning: options.onWarning ?? (message => process.emitWarning(message, 'RstWarning')),
    runDir,
    resume,
    checkpointMinutes: options.checkpointMinutes ?? 10,
  }
}

/** The images to train on, and those that choose among the epochs. */
async function resolveSelection(
  { data, limit, selectOn = 'validation', selectEvery: every = 3, validationImages }: TrainingOptions,
  available: Split,
  { epochs, dataSeed, inner }: { epochs: number; dataSeed: number; inner: InnerAttack | null },
): Promise<{ images: Split; selection: Selection | null }> {
  if (selectOn === 'last' && validationImages !== undefined) {
    throw new ConfigError(
      "Expected no validationImages with selectOn 'last', which holds out none.",
      'validationImages',
    )
  }
  const candidates = Array.from({ length: epochs }, (_, epoch) => epoch).filter(e =>
    isCandidate(e, epochs, every),
  )
  if (selectOn === 'last' || candidates.length === 1) return { images: available, selection: null }
  const attack = inner && selectionAttack(inner)
  const wanted = validationImages ?? Math.max(1, Math.min(1000, Math.floor(available.size / 10)))
  if (selectOn === 'test') {
    const images = wanted < data.test.size ? await subset(data.test, wanted, dataSeed) : data.test
    return { images: available, selection: { images, every, attack } }
  }
  if (wanted >= available.size) {
    const option =
      validationImages !== undefined ? 'validationImages' : limit !== undefined ? 'limit' : 'data'
    throw new ConfigError(
      `Expected fewer images to hold out for validation than the ${available.size} to train on but ${option} asks for ${wanted}: hold out fewer, train on more, or choose selectOn 'last'.`,
      option,
    )
  }
  const { rest, heldOut } = await holdOut(available, wanted, dataSeed)
  return { images: rest, selection: { images: heldOut, every, attack } }
}

/** The attack that candidates are measured under: PGD-20 in the inner attack's ball. */
function selectionAttack({ name, settings }: InnerAttack): Attack {
  const { eps, norm = 'linf' } = settings
  if (typeof eps !== 'number' || (norm !== 'linf' && norm !== 'l2')) {
    throw new ConfigError(
      `Expected eps and norm among the settings of the inner attack ${name}, by which epochs are compared: give them, or choose selectOn 'last'.`,
      'inner',
    )
  }
  return pgd({ eps, norm, steps: 20, onlyCorrect: true })
}

/** @throws ConfigError */
export function checkMask(remainingRatio: unknown, pattern: unknown): void {
  checkOption('remainingRatio', remainingRatio, searchRows.remainingRatio)
  checkOption('pattern', pattern, searchRows.pattern)
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
    dataSeed: training.dataSeed,
  }
}
