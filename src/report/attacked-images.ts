// The lines of text on a contact sheet: what an evaluation says of single images.
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { Caption } from './contact-sheet.ts'

/**
 * @param attack number of the attack in the evaluation
 * @param images numbers of the images in their data set
 * @returns under the natural image its number, class and what is predicted; under the other what is predicted then; under
 * the difference its norm
 */
export function captionsOf(
  { ids, labels, predictions, confidences, attacks }: Evaluation,
  attack: number,
  images: readonly number[],
  classNames: readonly string[],
): Caption[] {
  const { norm, perImage } = attacks[attack]
  const places = new Map(Array.from(ids, (id, n) => [id, n]))
  const className = nameOf(classNames)
  // The confidence comes first, since long names are cut.
  const answer = (label: number, confidence: number) =>
    `→ ${Math.round(100 * confidence)}% ${className(label)}`
  return images.map(id => {
    const n = places.get(id)!
    return {
      natural: [`#${id} ${className(labels[n])}`, answer(predictions[n], confidences[n])],
      adversarial: [answer(perImage.predictions[n], perImage.confidences[n])],
      difference: [`${{ linf: 'L∞', l2: 'L2' }[norm]} ${perImage.norms[n].toPrecision(4)}`],
    }
  })
}

const nameOf = (classNames: readonly string[]) => (label: number) => classNames[label] ?? String(label)
