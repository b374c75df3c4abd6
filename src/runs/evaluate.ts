// The evaluation of a ticket or a dense model from end to end, with the files of the run.
import { join } from 'node:path'
import type { Attack } from '../attacks/frame/attack.ts'
import { type RecordedAttack, recorded } from '../attacks/frame/saved.ts'
import type { DatasetInfo } from '../data/dataset.ts'
import { ConfigError } from '../errors.ts'
import { type AttackReport, type Evaluation, evaluate as evaluateModel } from '../evaluation/evaluate.ts'
import { attacksKind } from '../evaluation/subjects.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { makeFolder } from '../files/folders.ts'
import { formatJson } from '../files/json.ts'
import { laterWriteError } from '../files/write-error.ts'
import { callback, path, required } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import type { Classifier } from '../nn/classifier.ts'
import { loadDense } from '../saved/dense-model.ts'
import { loadTicket } from '../saved/ticket.ts'
import { type Dated, dated, tellWarnings } from './closing-evaluation.ts'
import {
  type EvaluationRunOptions,
  evaluationRunRows,
  evaluationSettings,
  type Known,
  made,
  openEvaluation,
} from './evaluation-run.ts'
import { imagesCsv } from './images-csv.ts'
import { checkImages, imageChoice, openData } from './run-data.ts'
import { stage } from './run-events.ts'

/** What is evaluated, by which attacks, and where the results go. */
export interface EvaluateRunOptions extends EvaluationRunOptions {
  /** Path of a ticket; either this or `model`. */
  ticket?: string
  /** Path of a dense model. */
  model?: string
  /** The attacks, or a function that makes them once the data set is known. */
  attacks: Known<readonly Attack[]>
  /** Folder for the adversarial images: of each attack a safetensors file. Default: none. */
  save?: string
  /** Awaited once all files are written and before what a resume needs is deleted. */
  onComplete?: (completed: CompletedEvaluation) => Promise<void>
}

/** An evaluation, and what it attacked. */
export interface CompletedEvaluation {
  /** What was found. */
  readonly evaluation: Evaluation
  /** The attacks with what they found, in their order; none without `save`. */
  readonly recordings: readonly RecordedAttack[]
  /** [channels, height, width] of the images. */
  readonly inputShape: Classifier['inputShape']
  /** Of the data set. */
  readonly info: DatasetInfo
}

export const evaluateRunRows: OptionRows<EvaluateRunOptions> = {
  ...evaluationRunRows,
  ticket: path,
  model: path,
  attacks: required({
    ...attacksKind,
    accepts: value => typeof value === 'function' || attacksKind.accepts(value),
  }),
  save: path,
  onComplete: callback,
}

/** An evaluation without what it says image by image. */
export interface EvaluationReport
  extends Omit<Evaluation, 'ids' | 'labels' | 'predictions' | 'confidences' | 'attacks'>,
    Dated {
  /** One an attack, in their order. */
  readonly attacks: readonly Omit<AttackReport, 'brokenBy' | 'perImage'>[]
}

/** What a run found. */
export interface EvaluateRun {
  /** What `rst eval --json` prints. */
  readonly report: EvaluationReport
  /** All of it, image by image. */
  readonly evaluation: Evaluation
}

/**
 * Evaluates a saved model. `out` then holds evaluation.json and images.csv, `save` the adversarial images.
 *
 * Stage: 'evaluate'.
 * @param options model, attacks, images and folders
 * @throws as evaluate; TicketError for a file that is no ticket or model; ConfigError; FileError
 * @example
 * import { attacks, datasets, runs } from 'rst-native'
 * const { report } = await runs.evaluate({
 *   ticket: 'rst-5.safetensors',
 *   data: await datasets.cifar10(), // or { name, dir }, or nothing: that of the ticket
 *   attacks: ({ usualEps = 8 / 255 }) => [attacks.pgd({ eps: usualEps })],
 *   limit: 1000,
 *   out: 'runs/eval-pgd',
 * })
 * console.log(report.images, report.attacks[0].name) // → 4 pgd-20
 */
export async function evaluate(options: EvaluateRunOptions): Promise<EvaluateRun> {
  checkOptions('evaluate', options, evaluateRunRows)
  const { ticket, model: dense, save } = options
  if ((ticket === undefined) === (dense === undefined)) {
    throw new ConfigError(
      'Give what to evaluate: either --ticket, a ticket file, or --model, a model that rst train saved.',
      'ticket',
    )
  }
  await openEvaluation(options)
  if (save !== undefined) await makeFolder(save)
  const { device, threads } = options
  const load = ticket === undefined ? loadDense : loadTicket
  using model = await load((ticket ?? dense)!, { device, threads })
  const { test, info } = await openData(options.data, model.metadata.dataset)
  checkImages(model.metadata, info)
  options.onBegin?.({ folder: options.out, info })
  const attacks = made(options.attacks, info)
  const { inputShape } = model
  const recordings = save === undefined ? [] : attacks.map(attack => recorded(attack, inputShape))
  let report: EvaluationReport | undefined
  const evaluation = await stage(options, 'evaluate', () =>
    evaluateModel(model, test, {
      attacks: save === undefined ? attacks : recordings,
      ...imageChoice(options, test),
      ...evaluationSettings(options),
      async onComplete(evaluation) {
        report = dated(summaryOf(evaluation))
        if (save !== undefined) await saveImages(save, evaluation, recordings)
        if (options.out !== undefined) await writeResults(options.out, evaluation, report, info)
        await options.onComplete?.({ evaluation, recordings, inputShape, info })
      },
    }),
  )
  tellWarnings(evaluation, options)
  return { report: report!, evaluation }
}

function summaryOf({ ids, labels, predictions, confidences, attacks, ...evaluation }: Evaluation) {
  return { ...evaluation, attacks: attacks.map(({ brokenBy, perImage, ...report }) => report) }
}

async function saveImages(
  folder: string,
  { provenance }: Evaluation,
  recordings: readonly RecordedAttack[],
): Promise<void> {
  for (const [a, recording] of recordings.entries()) {
    const attacks = provenance.attacks.slice(a, a + 1)
    await recording.save(join(folder, `${recording.name}.safetensors`), dated({ ...provenance, attacks }))
  }
}

async function writeResults(
  folder: string,
  evaluation: Evaluation,
  report: EvaluationReport,
  { classNames }: DatasetInfo,
): Promise<void> {
  const json = `${formatJson(report, 2)}\n`
  await writeFileAtomic(join(folder, 'evaluation.json'), json, laterWriteError)
  await writeFileAtomic(join(folder, 'images.csv'), imagesCsv(evaluation, classNames), laterWriteError)
}
