// rst eval
import { join } from 'node:path'
import { Command } from 'commander'
import { usualEps } from '../../data/dataset.ts'
import { ConfigError } from '../../errors.ts'
import type { AttackReport, Evaluation } from '../../evaluation/evaluate.ts'
import { writeFileAtomic } from '../../files/atomic.ts'
import { captionsOf } from '../../report/attacked-images.ts'
import { type CompletedEvaluation, evaluate } from '../../runs/evaluate.ts'
import { addEvaluationOptions, type EvaluationOptions } from '../attack-options.ts'
import { evaluationOptions, withEvaluation } from '../evaluation-options.ts'
import { formatAccuracy, formatCount, formatDuration, formatPercent } from '../format.ts'
import { addExamples } from '../help.ts'
import { formatTable } from '../layout.ts'
import { checkAttackFlags, makeAttack } from '../make-attack.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { attackName, imagesLine, originLine } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'

/** Images on a contact sheet. */
const examples = 24

export function evalCommand(context: Context): Command {
  const command = new Command('eval')
    .summary('measure the natural and robust accuracy of a ticket or a dense model')
    .description(
      'Attack a ticket or a dense model on test images. Each adversarial image is verified (norm, box, prediction) before it counts.',
    )
  addExamples(command, {
    'two attacks on a thousand images':
      'rst eval rst-5.safetensors --attack fgsm,pgd --eps 8/255 --limit 1000',
    'AutoAttack, which --resume continues after Ctrl-C; and its images':
      'rst eval rst-5.safetensors --attack autoattack --out aa --save aa/images',
  })
  for (const add of [addEvaluationOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<EvaluationOptions>(context, evaluateModel, checkAttackFlags))
}

async function evaluateModel(options: EvaluationOptions, session: Session): Promise<void> {
  const { ticket, model, save } = options
  if ((ticket === undefined) === (model === undefined)) {
    throw new ConfigError(
      'Give what to evaluate: either --ticket, a ticket file, or --model, a model that rst train saved.',
      'ticket',
    )
  }
  const { report, evaluation } = await withEvaluation(options, session, events =>
    evaluate({
      ...evaluationOptions(options),
      ...events,
      ticket,
      model,
      attacks: info => options.attack.map(name => makeAttack(name, options, options.eps ?? usualEps(info))),
      save,
      onComplete: completed => drawExamples(save, completed),
    }),
  )
  session.terminal.result(lines(evaluation), report)
}

/** Pictures of some adversarial images into --save, where given. */
async function drawExamples(
  save: string | undefined,
  { evaluation, recordings, inputShape, info }: CompletedEvaluation,
): Promise<void> {
  if (recordings.length === 0) return
  const { contactSheet } = await import('../../report/contact-sheet.ts')
  for (const [a, recording] of recordings.entries()) {
    const { images, ...pixels } = recording.examples(examples)
    const captions = captionsOf(evaluation, a, images, info.classNames)
    const sheet = contactSheet({ ...pixels, shape: inputShape, captions })
    await writeFileAtomic(join(save!, `${recording.name}.png`), sheet)
  }
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
