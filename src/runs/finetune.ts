// The fine-tuning of a ticket from end to end, with what it came to before.
import { performance } from 'node:perf_hooks'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { path, required } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { loadTicket } from '../saved/ticket.ts'
import type { ParameterCount } from '../saved/ticket-data.ts'
import { type Placement, placementRows } from '../tensor/placement.ts'
import { type FinetuneOptions, finetuneRows, finetune as finetuneTicket } from '../training/finetune.ts'
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

/** What is fine-tuned, on what, and where the results go. */
export interface FinetuneRunOptions
  extends Omit<TrainingRunOptions, keyof Placement>,
    Placement,
    Pick<FinetuneOptions, 'weights'> {
  /** Path of the ticket. */
  ticket: string
}

export const finetuneRunRows: OptionRows<FinetuneRunOptions> = {
  ...trainingRunRows,
  ...placementRows,
  weights: finetuneRows.weights,
  ticket: required(path),
}

/** What a run found. */
export interface FinetuneRun {
  /** What `rst finetune --json` prints. */
  readonly report: TrainingReport & {
    /** Path of the fine-tuned ticket. */
    readonly ticket: string
    /** Share of mask entries kept in each layer, in (0, 1]. */
    readonly remainingRatio: number
    /** Of the ticket. */
    readonly parameters: ParameterCount
    /** Of the ticket as it was. */
    readonly before: Accuracies
  }
  /** All of it, image by image. */
  readonly evaluations: {
    /** Of the ticket as it was. */
    readonly before: Evaluation
    /** Of the fine-tuned one. */
    readonly after: Evaluation
  }
  /** One an epoch. */
  readonly history: readonly EpochRecord[]
}

/**
 * Evaluates a ticket, trains the weights that it keeps, saves it and evaluates it again. The folder then holds what
 * `finetune` writes, and command.json, evaluation.json and ticket.safetensors.
 *
 * Stages: 'evaluate before', 'finetune', 'evaluate after'.
 * @param options ticket, data and recipe
 * @throws as finetune; TicketError for a file that is no ticket; FileError where the result cannot be written
 * @example
 * import { attacks, datasets, runs } from 'rst-native'
 * const { report } = await runs.finetune({
 *   ticket: 'rst-10.safetensors',
 *   data: await datasets.cifar10(),
 *   inner: attacks.fgsmRs({ eps: 8 / 255 }),
 *   epochs: 1,
 *   batchSize: 128,
 *   out: 'runs/finetuned',
 *   closing: { limit: 1000 },
 * })
 * console.log(report.ticket, report.before.naturalAccuracy, report.naturalAccuracy)
 */
export async function finetune(options: FinetuneRunOptions): Promise<FinetuneRun> {
  checkOptions('finetune', options, finetuneRunRows)
  const started = performance.now()
  const { ticket: source, device, threads, ...others } = options
  using start = await loadTicket(source, { device, threads })
  const { arch, dataset, remainingRatio } = start.metadata
  const data = await openData(options.data, dataset)
  const name = `finetune-${arch}-${data.info.name}`
  const { folder, training, evaluate } = await openTraining(others, data, name, { ticket: source })
  const before = await evaluate('before', start, data.test)
  const { ticket, history } = await stage(options, 'finetune', () =>
    finetuneTicket({ ...training, ticket: start }),
  )
  try {
    const file = await resultPath(folder, 'ticket')
    await ticket.save(file)
    const after = await evaluate('after', ticket, data.test)
    tellWarnings(after, options)
    await writeEvaluations(folder, { before, after })
    await saveWithAccuracies(ticket, file, after)
    return {
      report: dated({
        ticket: file,
        ...accuraciesOf(after),
        remainingRatio,
        parameters: ticket.parameters,
        seconds: (performance.now() - started) / 1000,
        before: accuraciesOf(before),
        provenance: after.provenance,
      }),
      evaluations: { before, after },
      history,
    }
  } finally {
    ticket.dispose()
  }
}
