// What the runs share that only evaluate: their options, and the folder in which they can be resumed.
import type { Dataset, DatasetInfo } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import { makeFolder } from '../files/folders.ts'
import { count, flag, path, seed } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import { resolveDevice } from '../tensor/device.ts'
import { type Placement, placementRows } from '../tensor/placement.ts'
import { type DataPlace, type ImageChoice, limitKind, runDataKind } from './run-data.ts'
import { type RunEvents, runEventRows } from './run-events.ts'

/** What every evaluation run reads. */
export interface EvaluationRunOptions extends RunEvents, ImageChoice, Placement {
  /** The images, or where they are read from. Default: the data set of the ticket. */
  data?: Dataset | DataPlace
  /** Images at once, without influence on results. Default: up to 256, as memory allows. */
  batchSize?: number
  /** Folder for the results, which keeps what is done until they are complete. Default: none. */
  out?: string
  /** Continue the interrupted evaluation in `out`, to the same result. Default false. */
  resume?: boolean
}

export const evaluationRunRows: OptionRows<EvaluationRunOptions> = {
  ...runEventRows,
  ...placementRows,
  limit: limitKind,
  first: count(),
  seed,
  dataSeed: seed,
  attackSeed: seed,
  data: runDataKind,
  batchSize: count(),
  out: path,
  resume: flag,
}

/**
 * Makes the folder of the run, where one is given and its device is there.
 * @throws ConfigError for `resume` without it, DeviceError, FileError
 */
export async function openEvaluation({ out, resume, device, threads }: EvaluationRunOptions): Promise<void> {
  if (resume && out === undefined) {
    throw new ConfigError(
      '--resume needs the folder of the evaluation to continue: give it as --out DIR.',
      'out',
    )
  }
  resolveDevice(device, threads)
  if (out !== undefined) await makeFolder(out)
}

/** What every evaluation function of the library reads beside the images and the attack. */
export function evaluationSettings({ out, resume = false, batchSize, ...events }: EvaluationRunOptions) {
  const { signal, onEvaluation, onWarning } = events
  return { batchSize, runDir: out, resume, signal, onProgress: onEvaluation, onWarning }
}

/** A value, or a function that makes it once the data set is known. */
export type Known<T> = T | ((info: DatasetInfo) => T)

export function made<T extends object>(value: Known<T>, info: DatasetInfo): T {
  return typeof value === 'function' ? (value as (info: DatasetInfo) => T)(info) : value
}
