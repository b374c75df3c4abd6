// images.csv: what an evaluation says of single images.
import type { Evaluation } from '../evaluation/evaluate.ts'

/**
 * CSV, one row an image: its number in the data set, its label and class, what the model predicts and how confident it is;
 * then for each attack what broke the image ('clean': it was wrong naturally, 'robust': nothing), what the model predicts
 * then, and the norm of the perturbation; of attacks that look for the nearest adversarial image its distance.
 */
export function imagesCsv(evaluation: Evaluation, classNames: readonly string[]): string {
  const { ids, labels, predictions, confidences, attacks } = evaluation
  const header = [
    ...['image', 'label', 'class', 'prediction', 'confidence'],
    ...attacks.flatMap(({ name, perImage }) =>
      ['broken by', 'prediction', 'confidence', 'norm', ...(perImage.distances ? ['distance'] : [])].map(
        column => `${name} ${column}`,
      ),
    ),
  ]
  const className = nameOf(classNames)
  const rows = Array.from(ids, (id, n) => [
    ...[id, labels[n], className(labels[n]), className(predictions[n]), confidences[n].toFixed(4)],
    ...attacks.flatMap(({ brokenBy, perImage }) => [
      brokenBy[n] ?? 'robust',
      className(perImage.predictions[n]),
      perImage.confidences[n].toFixed(4),
      perImage.norms[n].toPrecision(6),
      ...(perImage.distances ? [String(perImage.distances[n])] : []),
    ]),
  ])
  return [header, ...rows].map(row => `${row.map(cell).join(',')}\n`).join('')
}

/** A cell of CSV, quoted where it must be. */
function cell(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const nameOf = (classNames: readonly string[]) => (label: number) => classNames[label] ?? String(label)
