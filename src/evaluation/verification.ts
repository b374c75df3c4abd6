// The check of what an attack claims, independent of the attack: norm, box and prediction are computed anew.
import type { Classifier } from '../attacks/classifier.ts'
import { row, rows } from '../attacks/oracle.ts'
import { distance, insideThreat, type ThreatModel } from '../attacks/threat-model.ts'
import { rightlyClassified } from './predictions.ts'

export interface Claims {
  /** [N·C·H·W] */
  readonly natural: Float32Array
  readonly adversarial: Float32Array
  readonly labels: ArrayLike<number>
  /** 0 where the attack says that its image fools the model, [N]. */
  readonly robust: ArrayLike<number>
}

export interface Verdict {
  /** 1 where the image lies in ball and box and the model is wrong about it, [N]. */
  readonly fooled: Uint8Array
  /** 1 where the model is right about the image rounded to 8 bits, [N]. */
  readonly rightRounded: Uint8Array
  /** Images outside ball or box. */
  readonly outside: number
  /** Images inside, of which the attack says that they fool the model, and they do not. */
  readonly unconfirmed: number
  /** Largest norm of a perturbation. */
  readonly largestNorm: number
}

/**
 * Predictions are asked for in the reverse order of the images, so in other batches than the attack's: a model whose
 * answer depends on the rest of the batch shows itself.
 */
export async function verify(
  model: Classifier,
  { natural, adversarial, labels, robust }: Claims,
  threat: ThreatModel,
  batchSize: number,
): Promise<Verdict> {
  const count = labels.length
  const imageSize = natural.length / count
  const fooled = new Uint8Array(count)
  const rightRounded = new Uint8Array(count)
  const reversed = Array.from({ length: count }, (_, n) => count - 1 - n)
  for (let from = 0; from < count; from += batchSize) {
    const batch = reversed.slice(from, from + batchSize)
    const pixels = rows(adversarial, batch, imageSize)
    const theirLabels = batch.map(n => labels[n])
    const right = await rightlyClassified(model, pixels, theirLabels)
    const rounded = pixels.map(v => Math.round(v * 255) / 255)
    const stillRight = await rightlyClassified(model, rounded, theirLabels)
    for (const [i, n] of batch.entries()) {
      fooled[n] = 1 - right[i]
      rightRounded[n] = stillRight[i]
    }
  }
  let outside = 0
  let unconfirmed = 0
  let largestNorm = 0
  for (let n = 0; n < count; n++) {
    const [before, after] = [natural, adversarial].map(of => row(of, n, imageSize))
    largestNorm = Math.max(largestNorm, distance(before, after, threat.norm))
    if (!insideThreat(before, after, threat)) {
      outside++
      fooled[n] = 0
    } else if (robust[n] === 0 && fooled[n] === 0) unconfirmed++
  }
  return { fooled, rightRounded, outside, unconfirmed, largestNorm }
}
