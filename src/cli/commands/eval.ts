// rst eval
import { join } from 'node:path'
import { Command } from 'commander'
import type { Classifier } from '../../attacks/classifier.ts'
import { type RecordedAttack, recorded } from '../../attacks/saved.ts'
import { datasets } from '../../data/datasets.ts'
import { ConfigError } from '../../errors.ts'
import type { AttackReport, Evaluation } from '../../evaluation/evaluate.ts'
import { writeFileAtomic } from '../../files/atomic.ts'
import { makeFolder } from '../../files/run-folder.ts'
import { laterWriteError } from '../../files/write-error.ts'
import { contactSheet } from '../../report/contact-sheet.ts'
import { addEvaluationOptions, type EvaluationOptions } from '../attack-options.ts'
import { limitFor, printWarnings } from '../closing-evaluation.ts'
import { formatCount, formatDuration, formatPercent, formatTable } from '../format.ts'
import type { Library } from '../library.ts'
import { checkAttackFlags, makeAttack } from '../make-attack.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { ProgressDisplay, showEvaluation } from '../progress.ts'
import { openRunFolder, resumably, runDirOptions } from '../resumable.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { checkImages, checkRadius } from '../test-images.ts'
import { defaultEps } from '../training-run.ts'
import { formatEps } from '../values.ts'

/** Images on a contact sheet. */
const examples = 24

export function evalCommand(context: Context): Command {
  const command = new Command('eval')
    .summary('measure the natural and robust accuracy of a ticket or a dense model')
    .description(
      'Attack a ticket or a dense model on test images. Each adversarial image is verified (norm, box, prediction) before it counts.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ rst eval --ticket rst-5.safetensors --attack fgsm,pgd --eps 8/255 --limit 1000\n  $ rst eval --ticket rst-5.safetensors --attack autoattack --out aa --save aa/images   # and --resume after Ctrl-C',
    )
  for (const add of [addEvaluationOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<EvaluationOptions>(context, evaluateModel, checkAttackFlags))
}

async function evaluateModel(options: EvaluationOptions, session: Session): Promise<void> {
  const { terminal } = session
  const { seed, batchSize, save } = options
  checkRadius(options)
  await openRunFolder(options)
  if (save !== undefined) await makeFolder(save)
  const library = await session.loadLibrary()
  const model = await loadModel(options, library)
  const dataset = options.dataset ?? model.metadata.dataset
  const { test, info } = await datasets.open(dataset, options.data)
  checkImages(model.metadata, info)
  const eps = options.eps ?? defaultEps(dataset)
  const attacks = options.attack.map(name => makeAttack(name, options, eps, library))
  const recordings = save === undefined ? [] : attacks.map(attack => recorded(attack, model.inputShape))

  const display = new ProgressDisplay(terminal, 'evaluate')
  const evaluation = await resumably(options, session, display, () =>
    library.evaluate(model, test, {
      attacks: save === undefined ? attacks : recordings,
      limit: limitFor(options.limit, test),
      seed,
      batchSize,
      ...runDirOptions(options, session),
      signal: session.signal,
      onProgress: showEvaluation(display),
      onComplete: evaluation => writeFiles(options, evaluation, recordings, model.inputShape),
    }),
  )
  printWarnings(evaluation, session)
  terminal.result(lines(evaluation), jsonOf(evaluation))
}

/** The adversarial images into --save, the numbers into --out, where given. */
async function writeFiles(
  { out, save }: EvaluationOptions,
  evaluation: Evaluation,
  recordings: readonly RecordedAttack[],
  shape: Classifier['inputShape'],
): Promise<void> {
  for (const recording of recordings) {
    await recording.save(join(save!, `${recording.name}.safetensors`))
    const sheet = contactSheet({ ...recording.examples(examples), shape })
    await writeFileAtomic(join(save!, `${recording.name}.png`), sheet)
  }
  if (out === undefined) return
  await writeFileAtomic(
    join(out, 'evaluation.json'),
    `${JSON.stringify(jsonOf(evaluation), null, 2)}\n`,
    laterWriteError,
  )
  await writeFileAtomic(join(out, 'images.csv'), imagesCsv(evaluation), laterWriteError)
}

/** Without what is said image by image. */
function jsonOf({ naturalAccuracy, worstCaseAccuracy, attacks, images, seconds }: Evaluation) {
  const reports = attacks.map(({ brokenBy, ...report }) => report)
  return { naturalAccuracy, worstCaseAccuracy, attacks: reports, images, seconds }
}

function loadModel({ ticket, model, device, threads }: EvaluationOptions, library: Library) {
  if ((ticket === undefined) === (model === undefined)) {
    throw new ConfigError(
      'Give what to evaluate: either --ticket, a ticket file, or --model, a model that rst train saved.',
      'ticket',
    )
  }
  return ticket === undefined
    ? library.loadDense(model!, { device, threads })
    : library.loadTicket(ticket, { device, threads })
}

function lines(evaluation: Evaluation): string[] {
  const { images, naturalAccuracy, worstCaseAccuracy, attacks } = evaluation
  const norms = { linf: 'L∞', l2: 'L2' }
  const rows = attacks.flatMap(report => [
    [
      `${report.name} (${norms[report.norm]} ${formatEps(report.eps)})`,
      formatPercent(report.robustAccuracy),
      formatPercent(report.roundedAccuracy),
      report.largestNorm.toPrecision(4),
      formatCount(report.forwards),
      formatCount(report.backwards),
      formatDuration(report.seconds),
    ],
    ...partRows(report, images),
  ])
  return [
    ...formatTable([
      ['accuracy', 'robust', '8 bits', 'largest norm', 'forwards', 'backwards', 'time'],
      ['natural', formatPercent(naturalAccuracy), ...Array.from({ length: 5 }, () => '')],
      ...rows,
      ...(attacks.length > 1
        ? [['all attacks', formatPercent(worstCaseAccuracy), ...Array.from({ length: 5 }, () => '')]]
        : []),
    ]),
    '',
    `on ${formatCount(images)} test images; 8 bits: after rounding the adversarial images as an image file does`,
  ]
}

/** What each attack of a series left standing. */
function partRows({ parts = [], brokenBy }: AttackReport, images: number): string[][] {
  let standing = brokenBy.filter(by => by !== 'clean').length
  return parts.map(({ name, broken, forwards, backwards, seconds }) => {
    standing -= broken
    return [
      `  after ${name}`,
      formatPercent(standing / images),
      '',
      '',
      formatCount(forwards),
      formatCount(backwards),
      formatDuration(seconds),
    ]
  })
}

/** One row an image: its number in the data set, its label, and for each attack what broke it. */
function imagesCsv({ ids, labels, attacks }: Evaluation): string {
  const header = ['image', 'label', ...attacks.map(({ name }) => name)]
  const rows = Array.from(ids, (id, n) => [
    id,
    labels[n],
    ...attacks.map(({ brokenBy }) => brokenBy[n] ?? 'robust'),
  ])
  return [header, ...rows].map(row => `${row.join(',')}\n`).join('')
}
