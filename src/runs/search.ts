// A search from end to end: the ticket, the baseline of a random mask, what both come to, and the files of the run.
import { performance } from 'node:perf_hooks'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { path } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import { loadDense } from '../saved/dense-model.ts'
import type { ParameterCount } from '../saved/ticket-data.ts'
import { searchRows } from '../training/option-rows.ts'
import type { SearchOptions } from '../training/options.ts'
import { randomTicket, searchRST } from '../training/search.ts'
import type { EpochRecord } from '../training/training-state.ts'
import {
  type Accuracies,
  accuraciesOf,
  dated,
  type TrainingReport,
  tellWarnings,
  writeEvaluations,
} from './closing-evaluation.ts'
import { openData } from './run-data.ts'
import { stage } from './run-events.ts'
import {
  openTraining,
  resultPath,
  saveWithAccuracies,
  type TrainingRunOptions,
  trainingRunRows,
} from './training-run.ts'

/** What is searched, on what, and where the results go. */
export interface SearchRunOptions
  extends TrainingRunOptions,
    Omit<SearchOptions, keyof TrainingRunOptions | 'runDir' | 'onProgress' | 'from'> {
  /** Path of a trained dense model, over whose weights is searched instead of random ones. See SearchOptions. */
  from?: string
}

const { arch, width, remainingRatio, pattern, init, reinitClassifier, weightSeed, scoreSeed } = searchRows

export const searchRunRows: OptionRows<SearchRunOptions> = {
  ...trainingRunRows,
  ...{ arch, width, remainingRatio, pattern, init, reinitClassifier, weightSeed, scoreSeed },
  from: path,
}

/** What a run found. */
export interface SearchRun {
  /** What `rst search --json` prints. */
  readonly report: TrainingReport & {
    /** Path of the ticket. */
    readonly ticket: string
    /** Share of mask entries kept in each layer, in (0, 1]. */
    readonly remainingRatio: number
    /** Of the ticket. */
    readonly parameters: ParameterCount
    /** Of an untrained random mask of the same ratio. */
    readonly randomMask: Accuracies
  }
  /** All of it, image by image. */
  readonly evaluations: {
    /** Of the ticket. */
    readonly ticket: Evaluation
    /** Of an untrained random mask of the same ratio. */
    readonly randomMask: Evaluation
  }
  /** One an epoch. */
  readonly history: readonly EpochRecord[]
}

/**
 * Searches a ticket, saves it, evaluates it and an untrained random mask of the same ratio, and notes the accuracies
 * in the ticket. The folder then holds what `searchRST` writes, and command.json, evaluation.json and
 * ticket.safetensors.
 *
 * Stages: 'search', 'evaluate ticket', 'evaluate random mask'.
 * @param options network, remaining ratio, data and recipe
 * @throws as searchRST; FileError where the result cannot be written
 * @example
 * import { attacks, datasets, runs } from 'rst-native'
 * const { report } = await runs.search({
 *   arch: 'conv2',
 *   width: 0.25,
 *   data: await datasets.cifar10(), // or { name, dir }
 *   remainingRatio: 0.1,
 *   inner: attacks.fgsmRs({ eps: 8 / 255 }),
 *   epochs: 1,
 *   batchSize: 128,
 *   out: 'runs/first',
 *   closing: { limit: 1000 },
 * })
 * console.log(report.robustAccuracy, report.randomMask.robustAccuracy, report.ticket)
 */
export async function search(options: SearchRunOptions): Promise<SearchRun> {
  checkOptions('search', options, searchRunRows)
  const started = performance.now()
  const canonical = models.canonicalName(options.arch)
  const data = await openData(options.data)
  const { from: source, ...others } = options
  const name = `search-${canonical}-${data.info.name}`
  const { folder, training, evaluate } = await openTraining(others, data, name, { from: source })
  const { device, threads } = options
  const from = source === undefined ? undefined : await loadDense(source, { device, threads })
  try {
    const settings: SearchOptions = { ...training, arch: canonical, ...(from && { from }) }
    const { ticket, history } = await stage(options, 'search', () => searchRST(settings))
    try {
      const file = await resultPath(folder, 'ticket')
      await ticket.save(file)
      const ofTicket = await evaluate('ticket', ticket, data.test)
      using random = await randomTicket({ ...settings, runDir: undefined, resume: false })
      const ofRandom = await evaluate('random mask', random, data.test)
      tellWarnings(ofTicket, options)
      await writeEvaluations(folder, { ticket: ofTicket, randomMask: ofRandom })
      await saveWithAccuracies(ticket, file, ofTicket)
      return {
        report: dated({
          ticket: file,
          ...accuraciesOf(ofTicket),
          remainingRatio: options.remainingRatio,
          parameters: ticket.parameters,
          seconds: (performance.now() - started) / 1000,
          randomMask: accuraciesOf(ofRandom),
          provenance: ofTicket.provenance,
        }),
        evaluations: { ticket: ofTicket, randomMask: ofRandom },
        history,
      }
    } finally {
      ticket.dispose()
    }
  } finally {
    from?.dispose()
  }
}
