// The evaluation that closes every training: natural and PGD accuracy on test images.
import { join } from 'node:path'
import type { Classifier } from '../attacks/classifier.ts'
import type { Split } from '../data/dataset.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { formatCount, formatPercent, formatTable } from './format.ts'
import type { Library } from './library.ts'
import type { RunOptions } from './options.ts'
import { ProgressDisplay, showEvaluation } from './progress.ts'
import type { Session } from './run-command.ts'
import { defaultEps } from './training-run.ts'
import { formatEps } from './values.ts'

/** What a closing evaluation attacks with and on how many images. */
export interface ClosingEvaluation {
  run(label: string, model: Classifier, test: Split): Promise<Evaluation>
}

export function closingEvaluation(
  options: RunOptions,
  dataset: string,
  library: Library,
  session: Session,
): ClosingEvaluation {
  const eps = options.evalEps ?? options.eps ?? defaultEps(dataset)
  const attack = library.attacks.pgd({ eps, stepSize: options.evalStepSize, steps: options.evalSteps })
  return {
    async run(label, model, test) {
      const display = new ProgressDisplay(session.terminal, `evaluate ${label}`)
      try {
        return await library.evaluate(model, test, {
          attacks: [attack],
          limit: limitFor(options.evalLimit, test),
          seed: options.seed,
          signal: session.signal,
          onProgress: showEvaluation(display),
        })
      } finally {
        display.finish()
      }
    },
  }
}

/** Writes the evaluations, by the names of what was evaluated, without what is said image by image. */
export async function writeEvaluations(
  runDir: string,
  evaluations: Readonly<Record<string, Evaluation>>,
): Promise<void> {
  const summary = (name: string, value: unknown) =>
    name === 'brokenBy' || ArrayBuffer.isView(value) ? undefined : value
  await writeFileAtomic(join(runDir, 'evaluation.json'), `${JSON.stringify(evaluations, summary, 2)}\n`)
}

/** The `limit` of `evaluate`: data sets with fewer images are evaluated whole. */
export function limitFor(limit: number | 'all', test: Split): number | undefined {
  return limit === 'all' || limit >= test.size ? undefined : limit
}

/** The evaluations as a table with one row a model and one column an attack, and a line on the images. */
export function evaluationLines(evaluations: Readonly<Record<string, Evaluation>>): string[] {
  const [{ attacks, images }] = Object.values(evaluations)
  const norms = { linf: 'L∞', l2: 'L2' }
  const heading = attacks.map(({ name, norm, eps }) => `${name} (${norms[norm]} ${formatEps(eps)})`)
  const rows = Object.entries(evaluations).map(([label, evaluation]) => [
    label,
    formatPercent(evaluation.naturalAccuracy),
    ...evaluation.attacks.map(attack => formatPercent(attack.robustAccuracy)),
  ])
  return [
    ...formatTable([['accuracy', 'natural', ...heading], ...rows]),
    '',
    `on ${formatCount(images)} test images`,
  ]
}

/** Prints each warning of an attack once. */
export function printWarnings({ attacks }: Evaluation, { terminal }: Session): void {
  for (const { name, warnings } of attacks) {
    for (const { message } of warnings) terminal.warn(`${name}: ${message}`)
  }
}
