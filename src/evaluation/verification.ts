// The check of what an attack claims, independent of the attack: norm, box and predictions are computed anew.

import { row, rows } from '../attacks/frame/oracle.ts'
import { distance, insideThreat, type ThreatModel } from '../attacks/frame/threat-model.ts'
import { AbortError } from '../errors.ts'
import type { Classifier } from '../nn/classifier.ts'
import { logitsOf, noPredictions, type Predictions, predict, rightOf } from './predictions.ts'

export interface Claims {
  /** [N·C·H·W] */
  readonly natural: Float32Array
  readonly adversarial: Float32Array
  readonly labels: ArrayLike<number>
  /** 0 where the attack says that no attacked model is right about its image, [N]; undefined where it says nothing. */
  readonly robust?: ArrayLike<number>
}

export interface Verification {
  readonly threat: ThreatModel
  readonly batchSize: number
  /** Numbers of the models that the attack was on; the others only answer. */
  readonly attacked: readonly number[]
  /** For each model, 1 where it is right about the natural image, [models][N]. */
  readonly naturallyRight: readonly ArrayLike<number>[]
  /** Whether to ask about the images rounded to 8 bits too, and to keep what is predicted. */
  readonly detailed: boolean
  readonly signal: AbortSignal | undefined
}

export interface Verdict {
  /**
   * For each model, 1 where it is right about the natural image and under attack (decision D14), [models][N]. An
   * adversarial image outside ball or box is replaced by the natural one.
   */
  readonly right: readonly Uint8Array[]
  /** The same of the adversarial images rounded to 8 bits; empty unless asked for. */
  readonly rightRounded: readonly Uint8Array[]
  /** What each model says of the images that it is asked about; empty unless asked for. */
  readonly predictions: readonly Predictions[]
  /** Of the perturbations that count, in the attack's norm: 0 where the natural image took the place, [N]. */
  readonly norms: Float64Array
  /** Images outside ball or box. */
  readonly outside: number
  /** Images inside, of which the attack says that no attacked model is right, and one is. */
  readonly unconfirmed: number
  /** Largest norm of a perturbation. */
  readonly largestNorm: number
}

/**
 * Predictions are asked for in the reverse order of the images, so in other batches than the attack's: a model whose
 * answer depends on the rest of the batch shows itself.
 * @throws AbortError
 */
export async function verify(
  models: readonly Classifier[],
  claims: Claims,
  { threat, batchSize, attacked, naturallyRight, detailed, signal }: Verification,
): Promise<Verdict> {
  const { natural, labels, robust } = claims
  const count = labels.length
  const imageSize = natural.length / count
  const inside = new Uint8Array(count)
  const norms = new Float64Array(count)
  let { adversarial } = claims
  let largestNorm = 0
  for (let n = 0; n < count; n++) {
    const [before, after] = [natural, claims.adversarial].map(of => row(of, n, imageSize))
    const norm = distance(before, after, threat.norm)
    if (norm > largestNorm) largestNorm = norm
    if (insideThreat(before, after, threat)) {
      inside[n] = 1
      norms[n] = norm
    } else {
      if (adversarial === claims.adversarial) adversarial = new Float32Array(adversarial)
      adversarial.set(before, n * imageSize)
    }
  }

  const right = models.map(() => new Uint8Array(count))
  const rightRounded = detailed ? models.map(() => new Uint8Array(count)) : []
  const predictions = detailed ? models.map(() => noPredictions(count)) : []
  for (const [k, model] of models.entries()) {
    const asked = Array.from({ length: count }, (_, n) => count - 1 - n).filter(
      n => naturallyRight[k][n] === 1,
    )
    for (let from = 0; from < asked.length; from += batchSize) {
      if (signal?.aborted) throw new AbortError('The evaluation was interrupted.', { cause: signal.reason })
      const batch = asked.slice(from, from + batchSize)
      const pixels = rows(adversarial, batch, imageSize)
      const theirLabels = batch.map(n => labels[n])
      const logits = await logitsOf(model, pixels)
      const answers = rightOf(logits, theirLabels, model.numClasses)
      // That of a natural image is known; a model that answers at random may say otherwise.
      for (const [i, n] of batch.entries()) right[k][n] = inside[n] === 1 ? answers[i] : 1
      if (!detailed) continue
      predict(logits, model.numClasses, predictions[k], batch)
      const levels = pixels.map(v => Math.round(v * 255) / 255)
      const roundedAnswers = rightOf(await logitsOf(model, levels), theirLabels, model.numClasses)
      for (const [i, n] of batch.entries()) rightRounded[k][n] = roundedAnswers[i]
    }
  }
  let unconfirmed = 0
  for (let n = 0; n < count; n++) {
    const claimed = robust?.[n] === 0 && inside[n] === 1
    if (claimed && attacked.some(k => right[k][n] === 1)) unconfirmed++
  }
  const outside = inside.filter(flag => flag === 0).length
  return { right, rightRounded, predictions, norms, outside, unconfirmed, largestNorm }
}
