// The options of every training: one row an option.
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import type { Dataset } from '../data/dataset.ts'
import {
  abortSignal,
  callback,
  count,
  flag,
  kind,
  number,
  oneOf,
  orNull,
  path,
  seed,
} from '../inputs/kinds.ts'
import { computed, option, optionalOption, requiredOption } from '../inputs/rows.ts'
import { optionSchema } from '../inputs/schema.ts'
import * as models from '../models/index.ts'
import { initialisations } from '../nn/initialisation.ts'
import { patterns } from '../nn/pattern.ts'
import { type DenseModel, denseFormat } from '../saved/dense-model.ts'
import { placementRows } from '../tensor/placement.ts'
import type { TrainingProgress } from './progress.ts'
import { defaultSchedule, type Schedule, scheduleRows } from './schedule.ts'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isInnerAttack(value: unknown): value is InnerAttack {
  if (!isObject(value)) return false
  const { name, settings, replays, session } = value as Partial<Record<keyof InnerAttack, unknown>>
  return (
    typeof name === 'string' &&
    isObject(settings) &&
    Number.isSafeInteger(replays) &&
    (replays as number) >= 1 &&
    typeof session === 'function'
  )
}

function isDenseModel(value: unknown): value is DenseModel {
  return (
    isObject(value) &&
    isObject(value.network) &&
    (value as unknown as DenseModel).metadata?.format === denseFormat
  )
}

/** Options that every training loop shares. */
export const trainingRows = {
  arch: requiredOption({ ...oneOf(models.names), accepts: models.isName }, 'architecture', {
    flag: 'arch',
  }),
  data: requiredOption(
    kind<Dataset>('a data set { train, test, info }, as datasets.cifar10() gives,', isObject),
    'the images',
  ),
  width: option(number(1e-3, 64), 1, "multiplier of every layer's channels", { flag: 'width' }),
  inner: optionalOption(
    orNull(
      kind<InnerAttack>('an attack to train against, such as attacks.pgd({ eps: 8 / 255 }),', isInnerAttack),
    ),
    'attack to train against; null: natural training',
    { otherwise: 'PGD-7 at `data.info.usualEps`' },
  ),
  epochs: option(count(1, 1e6), 160, 'passes over the training images', { flag: 'epochs' }),
  batchSize: option(count(2, 65536), 256, 'images a step', { flag: 'batchSize' }),
  lr: option(number(0, 1e6), 0.1, 'learning rate', { flag: 'lr' }),
  schedule: option(
    {
      ...kind<Schedule>("a schedule such as { kind: 'cosine' }", isObject),
      schema: { anyOf: Object.values(scheduleRows).map(optionSchema) },
    },
    defaultSchedule,
    'how the learning rate falls',
  ),
  momentum: option(number(0, 1), 0.9, 'momentum of SGD', { flag: 'momentum' }),
  weightDecay: option(number(0, 1e6), 5e-4, 'weight decay of SGD', { flag: 'weightDecay' }),
  labelSmoothing: option(number(0, 0.999), 0, 'label smoothing', { flag: 'labelSmoothing' }),
  selectOn: option(
    oneOf(['validation', 'test', 'last']),
    'validation',
    'where the epoch to keep is chosen, by PGD-20: validation (images held out of training), test (as the paper; flatters the result), last (the last epoch)',
    {
      flag: 'selectOn',
      more: "At the inner attack's eps; in natural training by natural accuracy. With one candidate there is nothing to choose or hold out.",
    },
  ),
  selectEvery: option(count(1, 1e6), 3, 'epochs between two choices', {
    flag: 'selectEvery',
    more: '3 as the official code.',
  }),
  validationImages: optionalOption(count(), 'images held out', {
    otherwise: '1000, at most a tenth of the training images',
    flag: 'validationImages',
  }),
  augment: option(flag, true, 'random crops (4 pixels of padding) and, where the data allow it, flips', {
    flag: 'augment',
  }),
  limit: optionalOption(count(), 'train on a seeded subset of so many images', { otherwise: 'all' }),
  attackBatchNorm: optionalOption(oneOf(['train', 'eval']), 'batch norm during the inner attack', {
    otherwise: 'train, as the official code',
  }),
  seed: option(seed, 0, 'seed of every random draw', {
    flag: 'seed',
    more: 'Of augmentation and attack starts, and of what has a seed of its own where that is not given.',
  }),
  dataSeed: option(
    seed,
    computed('seed', (others: { seed: number }) => others.seed),
    'seed of the images: subsets, images held out, order',
    { flag: 'dataSeed' },
  ),
  ...placementRows,
  signal: optionalOption(abortSignal, 'stops the training, after a checkpoint'),
  onProgress: optionalOption<(progress: TrainingProgress) => void>(callback, 'told after each step'),
  onWarning: option<(message: string) => void>(
    callback,
    computed(
      'a warning of the process',
      () => (message: string) => process.emitWarning(message, 'RstWarning'),
    ),
    'told what went wrong and was mended, such as a damaged checkpoint in whose place the one before it is used',
  ),
  runDir: optionalOption(path, 'run folder for checkpoints and metrics, in which no other process may work'),
  resume: option(flag, false, 'continue the run in `runDir` from its newest checkpoint, to the same bits'),
  checkpointMinutes: option(
    number(0, 1e6),
    10,
    'minutes between two checkpoints at most; 0: only at the end of each epoch',
    { flag: 'checkpointMinutes' },
  ),
}

const ownSeed = (of: string, name: string) =>
  option(
    seed,
    computed('seed', (others: { seed: number }) => others.seed),
    `seed of the ${of}`,
    { flag: name },
  )

export const searchRows = {
  ...trainingRows,
  remainingRatio: requiredOption(
    {
      ...number(0, 1, { above: true }),
      hint: value =>
        typeof value === 'number' && value > 1 && value <= 100 ? `: did you mean ${value / 100}?` : undefined,
    },
    'share of weights kept in each layer',
    { flag: 'ratio' },
  ),
  pattern: option(oneOf(patterns), 'element', 'what is kept or dropped together', { flag: 'pattern' }),
  init: option(oneOf(initialisations), 'signed-kaiming-constant', 'how the weights are drawn', {
    flag: 'init',
  }),
  weightSeed: ownSeed('weights', 'weightSeed'),
  scoreSeed: ownSeed('scores', 'scoreSeed'),
  from: optionalOption(
    kind<DenseModel>('a dense model, as trainDense or loadDense gives,', isDenseModel),
    'search over the weights of this trained dense model instead of random ones (RTT)',
    {
      more: 'A robust ticket of a trained network (paper, Sec. 5.2). The ticket then holds the weights that it keeps. Architecture, width and image size must be those of the search.',
    },
  ),
  reinitClassifier: option(
    flag,
    false,
    'with `from`: draw the last layer anew, for a data set of other classes',
    {
      flag: 'reinitClassifier',
    },
  ),
}
