// Defaults and checks of the training options.
import type { Attack } from '../attacks/frame/attack.ts'
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import { pgd } from '../attacks/pgd.ts'
import { checkDataset } from '../data/check-dataset.ts'
import { type Dataset, type Split, usualEps } from '../data/dataset.ts'
import { holdOut, subset } from '../data/subset.ts'
import { ConfigError } from '../errors.ts'
import { type Filled, filled } from '../inputs/rows.ts'
import * as models from '../models/index.ts'
import type { NetworkOptions } from '../nn/network.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import { trainingRows } from './option-rows.ts'
import type { TrainingOptions } from './options.ts'
import { checkSchedule } from './schedule.ts'
import { isCandidate, type Selection } from './selection.ts'

type FilledTraining = Filled<typeof trainingRows>

/** Training options with nothing left open. */
export type ResolvedTraining = Readonly<
  Omit<
    FilledTraining,
    'inner' | 'device' | 'threads' | 'limit' | 'attackBatchNorm' | 'selectEvery' | 'validationImages'
  >
> & {
  /** The images trained on. */
  readonly images: Split
  /** Null where the last epoch is taken. */
  readonly selection: Selection | null
  readonly inner: InnerAttack | null
  readonly attackBatchNorm: 'train' | 'eval'
  readonly device: Device
}

/**
 * @param options that fit their rows
 * @throws ConfigError naming the option at fault
 */
export async function resolveTraining(options: TrainingOptions): Promise<ResolvedTraining> {
  const training = filled(options, trainingRows)
  const { data, limit, dataSeed, resume, runDir, attackBatchNorm, device, threads } = training
  checkDataset(data)
  const { inner = pgd({ ...pgd.row.training, eps: usualEps(data.info) }) } = training
  checkSchedule(training.schedule, training.epochs)
  if (inner === null && attackBatchNorm !== undefined) {
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
    ...training,
    arch: models.canonicalName(training.arch),
    ...(await resolveSelection({ ...training, inner }, available)),
    inner,
    attackBatchNorm: attackBatchNorm ?? 'train',
    device: resolveDevice(device, threads),
  }
}

/** The images to train on, and those that choose among the epochs. */
async function resolveSelection(
  {
    data,
    limit,
    selectOn,
    selectEvery: every,
    validationImages,
    epochs,
    dataSeed,
    inner,
  }: FilledTraining & { inner: InnerAttack | null },
  available: Split,
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
