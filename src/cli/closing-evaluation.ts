// The evaluation that closes every training: natural and PGD accuracy on test images.
import { join } from 'node:path'
import type { Split } from '../data/dataset.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { pairedDifference } from '../evaluation/statistics.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { laterWriteError } from '../files/write-error.ts'
import type { Classifier } from '../nn/classifier.ts'
import { formatAccuracy, formatDifference } from './format.ts'
import { formatTable } from './layout.ts'
import type { Library } from './library.ts'
import type { RunOptions } from './options.ts'
import { ProgressDisplay, showEvaluation } from './progress.ts'
import { attackName, imagesLine, originLine } from './provenance-lines.ts'
import type { Session } from './run-command.ts'
import { limitFor } from './test-images.ts'
import { defaultEps } from './training-run.ts'

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
      const limit = limitFor(options.evalLimit, test)
      const display = new ProgressDisplay(session.terminal, `evaluate ${label}`)
      try {
        return await library.evaluate(model, test, {
          attacks: [attack],
          limit,
          seed: options.seed,
          dataSeed: limit === undefined ? undefined : options.dataSeed,
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
  await writeFileAtomic(
    join(runDir, 'evaluation.json'),
    `${JSON.stringify(evaluations, summary, 2)}\n`,
    laterWriteError,
  )
}

/**
 * The evaluations, on the same images under the same attacks, as a table with one row a model and one column an attack,
 * and lines on what they are of.
 */
export function evaluationLines(evaluations: Readonly<Record<string, Evaluation>>): string[] {
  const all = Object.values(evaluations)
  const [{ attacks, provenance }] = all
  const rows = Object.entries(evaluations).map(([label, evaluation]) => [
    label,
    formatAccuracy(evaluation.naturalAccuracy, evaluation.naturalInterval),
    ...evaluation.attacks.map(attack => formatAccuracy(attack.robustAccuracy, attack.interval)),
  ])
  return [
    ...formatTable([['accuracy', 'natural', ...attacks.map(attackName)], ...rows]),
    '',
    ...(all.length === 2 ? [differenceLine(Object.entries(evaluations))] : []),
    `${imagesLine(provenance.data)}; 95 % intervals in brackets`,
    originLine({ ...provenance, models: all.flatMap(evaluation => evaluation.provenance.models) }),
  ]
}

/** The first two models compared image by image. */
function differenceLine([[one, a], [other, b]]: readonly [string, Evaluation][]): string {
  const natural = ({ predictions, labels }: Evaluation) =>
    Array.from(labels, (label, n) => (predictions[n] === label ? 1 : 0))
  const parts = [
    ['natural', natural(a), natural(b)] as const,
    ...a.attacks.map(({ name }, i) => {
      const robust = ({ attacks }: Evaluation) => attacks[i].brokenBy.map(by => (by === null ? 1 : 0))
      return [name, robust(a), robust(b)] as const
    }),
  ].map(([name, left, right]) => {
    const { difference, interval } = pairedDifference(left, right)
    return `${name} ${formatDifference(difference, interval)}`
  })
  return `${one} − ${other}, on the same images: ${parts.join(', ')}`
}

/** Prints each warning of an attack once. */
export function printWarnings({ attacks }: Evaluation, { terminal }: Session): void {
  for (const { name, warnings } of attacks) {
    for (const { message } of warnings) terminal.warn(`${name}: ${message}`)
  }
}
