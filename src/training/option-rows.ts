// What the training options may be.
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
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
  required,
  seed,
} from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import { initialisations } from '../nn/initialisation.ts'
import { patterns } from '../nn/pattern.ts'
import { type DenseModel, denseFormat } from '../saved/dense-model.ts'
import { placementRows } from '../tensor/placement.ts'
import type { SearchOptions, TrainingOptions } from './options.ts'

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

export const trainingRows: OptionRows<TrainingOptions> = {
  arch: required({ ...oneOf(models.names), accepts: models.isName }),
  data: required(kind('a data set { train, test, info }, as datasets.cifar10() gives,', isObject)),
  width: number(1e-3, 64),
  inner: orNull(kind('an attack to train against, such as attacks.pgd({ eps: 8 / 255 }),', isInnerAttack)),
  epochs: count(1, 1e6),
  batchSize: count(2, 65536),
  lr: number(0, 1e6),
  schedule: kind("a schedule such as { kind: 'cosine' }", isObject),
  momentum: number(0, 1),
  weightDecay: number(0, 1e6),
  labelSmoothing: number(0, 0.999),
  augment: flag,
  limit: count(),
  selectOn: oneOf(['validation', 'test', 'last']),
  selectEvery: count(1, 1e6),
  validationImages: count(),
  attackBatchNorm: oneOf(['train', 'eval']),
  seed,
  dataSeed: seed,
  ...placementRows,
  signal: abortSignal,
  onProgress: callback,
  onWarning: callback,
  runDir: path,
  resume: flag,
  checkpointMinutes: number(0, 1e6),
}

export const searchRows: OptionRows<SearchOptions> = {
  ...trainingRows,
  remainingRatio: required({
    ...number(0, 1, { above: true }),
    hint: value => (typeof value === 'number' && value > 1 ? '; 0.05 keeps 5 %.' : undefined),
  }),
  pattern: oneOf(patterns),
  init: oneOf(initialisations),
  from: kind('a dense model, as trainDense or loadDense gives,', isDenseModel),
  reinitClassifier: flag,
  weightSeed: seed,
  scoreSeed: seed,
}
