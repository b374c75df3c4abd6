// rst eval
import { join } from 'node:path'
import { Command } from 'commander'
import { type RecordedAttack, recorded } from '../../attacks/frame/saved.ts'
import { datasets } from '../../data/datasets.ts'
import { ConfigError } from '../../errors.ts'
import type { AttackReport, Evaluation } from '../../evaluation/evaluate.ts'
import { writeFileAtomic } from '../../files/atomic.ts'
import { makeFolder } from '../../files/folders.ts'
import { laterWriteError } from '../../files/write-error.ts'
import type { Classifier } from '../../nn/classifier.ts'
import { captionsOf, imagesCsv } from '../../report/attacked-images.ts'
import { contactSheet } from '../../report/contact-sheet.ts'
import { addEvaluationOptions, type EvaluationOptions } from '../attack-options.ts'
import { printWarnings } from '../closing-evaluation.ts'
import { formatAccuracy, formatCount, formatDuration, formatPercent } from '../format.ts'
import { formatTable } from '../layout.ts'
import type { Library } from '../library.ts'
import { checkAttackFlags, makeAttack } from '../make-attack.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { ProgressDisplay, showEvaluation } from '../progress.ts'
import { attackName, dated, imagesLine, originLine } from '../provenance-lines.ts'
import { openRunFolder, resumably, runDirOptions } from '../resumable.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { checkImages, checkRadius, imageChoice } from '../test-images.ts'
import { defaultEps } from '../training-run.ts'

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
  const { batchSize, save } = options
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

  let json: object = {}
  const display = new ProgressDisplay(terminal, 'evaluate')
  const evaluation = await resumably(options, session, display, () =>
    library.evaluate(model, test, {
      attacks: save === undefined ? attacks : recordings,
      ...imageChoice(options, test),
      batchSize,
      ...runDirOptions(options, session),
      signal: session.signal,
      onProgress: showEvaluation(display),
      async onComplete(evaluation) {
        json = dated(jsonOf(evaluation))
        await writeFiles(options, evaluation, json, {
          recordings,
          shape: model.inputShape,
          classNames: info.classNames,
        })
      },
    }),
  )
  printWarnings(evaluation, session)
  terminal.result(lines(evaluation), json)
}

/** The adversarial images into --save, the numbers into --out, where given. */
async function writeFiles(
  { out, save }: EvaluationOptions,
  evaluation: Evaluation,
  json: object,
  { recordings, shape, classNames }: Saved,
): Promise<void> {
  for (const [a, recording] of recordings.entries()) {
    const { provenance } = evaluation
    const attacks = provenance.attacks.slice(a, a + 1)
    await recording.save(join(save!, `${recording.name}.safetensors`), dated({ ...provenance, attacks }))
    const { images, ...pixels } = recording.examples(examples)
    const captions = captionsOf(evaluation, a, images, classNames)
    await writeFileAtomic(join(save!, `${recording.name}.png`), contactSheet({ ...pixels, shape, captions }))
  }
  if (out === undefined) return
  await writeFileAtomic(join(out, 'evaluation.json'), `${JSON.stringify(json, null, 2)}\n`, laterWriteError)
  await writeFileAtomic(join(out, 'images.csv'), imagesCsv(evaluation, classNames), laterWriteError)
}

/** What is saved of adversarial images. */
interface Saved {
  readonly recordings: readonly RecordedAttack[]
  readonly shape: Classifier['inputShape']
  readonly classNames: readonly string[]
}

/** Without what is said image by image. */
function jsonOf({ ids, labels, predictions, confidences, attacks, ...evaluation }: Evaluation) {
  return { ...evaluation, attacks: attacks.map(({ brokenBy, perImage, ...report }) => report) }
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
  const { images, attacks, provenance } = evaluation
  const rows = attacks.flatMap(report => [
    [
      attackName(report),
      formatAccuracy(report.robustAccuracy, report.interval),
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
      [
        'natural',
        formatAccuracy(evaluation.naturalAccuracy, evaluation.naturalInterval),
        ...Array.from({ length: 5 }, () => ''),
      ],
      ...rows,
      ...(attacks.length > 1
        ? [
            [
              'all attacks',
              formatAccuracy(evaluation.worstCaseAccuracy, evaluation.worstCaseInterval),
              ...Array.from({ length: 5 }, () => ''),
            ],
          ]
        : []),
    ]),
    '',
    ...attacks.flatMap(distanceLines),
    `${imagesLine(provenance.data)}; 95 % intervals in brackets; 8 bits: after rounding the adversarial images as an image file does`,
    originLine(provenance),
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

/** How near the nearest adversarial images are, of attacks that look for them. */
function distanceLines({ name, distances }: AttackReport): string[] {
  if (distances === undefined) return []
  const { attacked, found, quantiles } = distances
  const parts = Object.entries(quantiles)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(
      ([level, distance]) =>
        `${100 * Number(level)} % ${Number.isFinite(distance) ? distance.toPrecision(4) : '–'}`,
    )
  return [
    `${name}: distances found for ${formatCount(found)} of ${formatCount(attacked)} images; quantiles ${parts.join(', ')}`,
  ]
}
