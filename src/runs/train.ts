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

/** What is trained, on what, and where the results go. */
export interface TrainRunOptions extends TrainingRunOptions, Pick<DenseOptions, 'arch' | 'width' | 'init'> {}

const { arch, width, init } = denseRows

export const trainRunRows: OptionRows<TrainRunOptions> = { ...trainingRunRows, arch, width, init }

/** What a run found. */
export interface TrainRun {
  /** What `rst train --json` prints. */
  readonly report: TrainingReport & {
    /** Path of the model. */
    readonly checkpoint: string
  }
  /** All of it, image by image. */
  readonly evaluations: {
    /** Of the model. */
    readonly model: Evaluation
  }
  /** One an epoch. */
  readonly history: readonly EpochRecord[]
}

/**
 * Trains a dense model, saves it and evaluates it. The folder then holds what `trainDense` writes, and
 * command.json, evaluation.json and model.safetensors.
 *
 * Stages: 'train', 'evaluate model'.
 * @param options network, data and recipe
 * @throws as trainDense; FileError where the result cannot be written
 * @example
 * import { datasets, runs } from 'rst-native'
 * const { report } = await runs.train({
 *   arch: 'conv2',
 *   width: 0.25,
 *   data: await datasets.cifar10(),
 *   inner: null, // natural training
 *   epochs: 1,
 *   batchSize: 128,
 *   out: 'runs/natural',
 *   closing: { limit: 1000 },
 * })
 * console.log(report.checkpoint, report.naturalAccuracy)
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
