// The training of a dense model from end to end.
import { performance } from 'node:perf_hooks'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import { type DenseOptions, denseRows, trainDense } from '../training/dense.ts'
import type { EpochRecord } from '../training/training-state.ts'
import {
  accuraciesOf,
  dated,
  type TrainingReport,
  tellWarnings,
  writeEvaluations,
} from './closing-evaluation.ts'
import { openData } from './run-data.ts'
import { stage } from './run-events.ts'
import { openTraining, resultPath, type TrainingRunOptions, trainingRunRows } from './training-run.ts'

export interface TrainRunOptions extends TrainingRunOptions, Pick<DenseOptions, 'arch' | 'width' | 'init'> {}

const { arch, width, init } = denseRows

export const trainRunRows: OptionRows<TrainRunOptions> = { ...trainingRunRows, arch, width, init }

export interface TrainRun {
  /** What `rst train --json` prints; `checkpoint` is the path of the model. */
  readonly report: TrainingReport & { readonly checkpoint: string }
  readonly evaluations: { readonly model: Evaluation }
  readonly history: readonly EpochRecord[]
}

/**
 * Trains a dense model, saves it and evaluates it. The folder then holds what `trainDense` writes, and command.json,
 * evaluation.json and model.safetensors.
 *
 * Stages: 'train', 'evaluate model'.
 * @throws as trainDense; FileError where the result cannot be written
 */
export async function train(options: TrainRunOptions): Promise<TrainRun> {
  checkOptions('train', options, trainRunRows)
  const started = performance.now()
  const arch = models.canonicalName(options.arch)
  const data = await openData(options.data)
  const { folder, training, evaluate } = await openTraining(options, data, `train-${arch}-${data.info.name}`)
  const { model, history } = await stage(options, 'train', () => trainDense({ ...training, arch }))
  try {
    const file = await resultPath(folder, 'model')
    await model.save(file)
    const evaluation = await evaluate('model', model, data.test)
    tellWarnings(evaluation, options)
    await writeEvaluations(folder, { model: evaluation })
    return {
      report: dated({
        checkpoint: file,
        ...accuraciesOf(evaluation),
        seconds: (performance.now() - started) / 1000,
        provenance: evaluation.provenance,
      }),
      evaluations: { model: evaluation },
      history,
    }
  } finally {
    model.dispose()
  }
}
