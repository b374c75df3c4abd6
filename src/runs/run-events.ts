// Whom a run tells what it does, and who may stop it.
import type { DatasetInfo } from '../data/dataset.ts'
import type { EvaluationProgress } from '../evaluation/meter.ts'
import { abortSignal, callback } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import type { TrainingProgress } from '../training/options.ts'

/** A run as it begins. */
export interface BegunRun {
  /** Where its files go; undefined where it writes none. */
  readonly folder: string | undefined
  /** The data set that it reads. */
  readonly info: DatasetInfo
}

/** How a run is watched and stopped. */
export interface RunEvents {
  /** Stops the run with an AbortError: a training after a checkpoint, an evaluation after the batch at hand. */
  signal?: AbortSignal
  /** Called once the files are read, before anything is computed. */
  onBegin?: (run: BegunRun) => void
  /** Called when a stage begins, with its name, such as 'search' or 'evaluate ticket'; with null when it has ended or failed. */
  onStage?: (stage: string | null) => void
  /** Called after each step of a training stage. */
  onTraining?: (progress: TrainingProgress) => void
  /** Called after each batch of an evaluation stage. */
  onEvaluation?: (progress: EvaluationProgress) => void
  /** Called with what went wrong and was mended, and with what weakens a result. Default: a warning of the process. */
  onWarning?: (message: string) => void
}

export const runEventRows: OptionRows<RunEvents> = {
  signal: abortSignal,
  onBegin: callback,
  onStage: callback,
  onTraining: callback,
  onEvaluation: callback,
  onWarning: callback,
}

/** Runs `body` as a stage of the run. */
export async function stage<T>(
  { onStage }: Pick<RunEvents, 'onStage'>,
  name: string,
  body: () => Promise<T>,
): Promise<T> {
  onStage?.(name)
  try {
    return await body()
  } finally {
    onStage?.(null)
  }
}

/** Tells `message` to whom the run's warnings go. */
export function warn({ onWarning }: Pick<RunEvents, 'onWarning'>, message: string): void {
  if (onWarning) onWarning(message)
  else process.emitWarning(message, 'RstWarning')
}
