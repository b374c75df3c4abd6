// What the runs that train share: their options, the run folder, and how the result is saved.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import { type Dataset, type DatasetInfo, usualEps } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { makeFolder, makeNumberedFolder } from '../files/folders.ts'
import { laterWriteError } from '../files/write-error.ts'
import { kind, path } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import type { Ticket } from '../saved/ticket.ts'
import { resolveDevice } from '../tensor/device.ts'
import { trainingRows } from '../training/option-rows.ts'
import type { TrainingOptions } from '../training/options.ts'
import { type BesideRecipe, keepBesideRecipe } from './beside-recipe.ts'
import {
  type ClosingEvaluation,
  type ClosingOptions,
  closingEvaluation,
  closingRows,
  measurementsOf,
} from './closing-evaluation.ts'
import { type DataPlace, runDataKind } from './run-data.ts'
import { type RunEvents, runEventRows } from './run-events.ts'

/** What every training run reads. */
export interface TrainingRunOptions
  extends RunEvents,
    Omit<TrainingOptions, 'arch' | 'width' | 'data' | 'inner' | 'runDir' | 'onProgress' | keyof RunEvents> {
  /** The images, or where they are read from. */
  data?: Dataset | DataPlace
  /**
   * The inner attack, null for natural training, or a function that makes it once the data set is known. Default: PGD-7
   * at the usual eps of the data set.
   */
  inner?: InnerAttack | null | ((info: DatasetInfo) => InnerAttack | null)
  /** Folder of the run. Default: the first of runs/<run>-<arch>-<data set>-<n>, n = 1, 2, …, that does not exist. */
  out?: string
  /** How the result is measured at the end. */
  closing?: ClosingOptions
}

const {
  arch: _arch,
  width: _width,
  runDir: _runDir,
  onProgress: _onProgress,
  inner: innerRow,
  ...ownRows
} = trainingRows

export const trainingRunRows: OptionRows<TrainingRunOptions> = {
  ...ownRows,
  ...runEventRows,
  data: runDataKind,
  inner: {
    ...innerRow,
    accepts: value => typeof value === 'function' || innerRow.accepts(value),
  },
  out: path,
  closing: kind(
    'an object { eps, stepSize, steps, limit }',
    value => typeof value === 'object' && value !== null && !Array.isArray(value),
  ),
}

/** A run that is ready to train. */
export interface OpenTraining<Options> {
  readonly folder: string
  /** Options for the training function of the library. */
  readonly training: Omit<Options, 'data' | 'inner' | 'out' | 'closing' | keyof RunEvents> &
    Pick<TrainingOptions, 'data' | 'inner' | 'signal' | 'onProgress' | 'onWarning' | 'runDir' | 'resume'>
  readonly evaluate: ClosingEvaluation
}

/**
 * Makes the folder of the run, where it does not exist, so that one that cannot be written, or a device that is not
 * there, fails before the training rather than after it.
 * @param options that fit their rows
 * @param name of the run's folder where none is given: 'search-conv2-cifar10'
 * @param files beside the data set, as the caller gave their paths
 * @throws ConfigError, DeviceError, FileError
 */
export async function openTraining<Options extends TrainingRunOptions>(
  options: Options,
  data: Dataset,
  name: string,
  files: Pick<BesideRecipe, 'from' | 'ticket'> = {},
): Promise<OpenTraining<Options>> {
  const { data: place = {}, inner: given, out, closing = {}, ...others } = options
  const { onBegin, onStage, onTraining, onEvaluation, ...own } = others
  checkOptions('closing', closing, closingRows)
  resolveDevice(options.device, options.threads)
  const inner = typeof given === 'function' ? given(data.info) : given
  const eps = closing.eps ?? innerEps(inner) ?? usualEps(data.info)
  const evaluate = closingEvaluation({ ...closing, eps }, options, options)
  const { resume = false } = own
  if (resume && out === undefined) {
    throw new ConfigError('--resume needs the folder of the run to continue: give it as --out DIR.', 'out')
  }
  const folder = out ?? (await makeNumberedFolder('runs', name))
  if (out !== undefined && !resume) await makeFolder(out)
  if (!resume) {
    const { limit = 1000, steps = 20, stepSize } = closing
    const kept = { evalLimit: limit, evalEps: closing.eps, evalStepSize: stepSize, evalSteps: steps }
    await keepBesideRecipe(folder, { data: 'train' in place ? undefined : place.dir, ...files, ...kept })
  }
  onBegin?.({ folder, info: data.info })
  const training = { ...own, data, inner, runDir: folder, resume, onProgress: onTraining }
  return { folder, training: training as unknown as OpenTraining<Options>['training'], evaluate }
}

/** The L∞ radius of an inner attack, where it has one. */
function innerEps(inner: InnerAttack | null | undefined): number | undefined {
  const { eps, norm = 'linf' } = inner?.settings ?? {}
  return typeof eps === 'number' && norm === 'linf' ? eps : undefined
}

/** Where the trained thing is saved. @throws FileError where the run folder was deleted meanwhile */
export async function resultPath(folder: string, name: 'ticket' | 'model'): Promise<string> {
  const file = join(folder, `${name}.safetensors`)
  await access(folder).catch(error => {
    throw laterWriteError(error, file)
  })
  return file
}

/** Saves the ticket again, now with what the closing evaluation measured. */
export async function saveWithAccuracies(
  ticket: Ticket,
  file: string,
  evaluation: Evaluation,
): Promise<void> {
  ticket.recordAccuracies(
    { natural: evaluation.naturalAccuracy, robust: evaluation.attacks[0].robustAccuracy },
    measurementsOf(evaluation),
  )
  await ticket.save(file)
}
