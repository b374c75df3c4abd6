// Evaluations of one attack on the same images, as a table and the lines under it.
import type { Evaluation } from '../evaluation/evaluate.ts'
import { pairedDifference } from '../evaluation/statistics.ts'
import { formatAccuracy, formatDifference } from './format.ts'
import { formatTable } from './layout.ts'
import { attackName, imagesLine, originLine } from './provenance-lines.ts'

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
