// What a model answers to images in host memory.
import { answerOf } from '../attacks/frame/answer.ts'
import { topClass } from '../attacks/frame/losses.ts'
import { row } from '../attacks/frame/oracle.ts'
import { type Classifier, deviceOf } from '../nn/classifier.ts'
import { scope } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'

/**
 * @param pixels [N·C·H·W] in [0, 1]
 * @returns [N·classes]
 * @throws ShapeError where the model answers with other than [N, classes]
 */
export async function logitsOf(
  model: Classifier,
  pixels: Float32Array<ArrayBuffer>,
): Promise<Float32Array<ArrayBuffer>> {
  const imageSize = model.inputShape.reduce((product, d) => product * d, 1)
  const device = deviceOf(model)
  const shape = [pixels.length / imageSize, ...model.inputShape]
  using logits = scope(() => answerOf(model, tensor(pixels, shape, { device })))
  return logits.data()
}

/** 1 where the largest logit is the label's, [N]. */
export function rightOf(
  logits: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: labels.length }, (_, n) =>
    topClass(row(logits, n, classes)) === labels[n] ? 1 : 0,
  )
}

/** What a model says of each image, [N]. */
export interface Predictions {
  /** The classes of largest logit. */
  readonly classes: Int32Array
  /** Their probabilities by softmax, in [0, 1]. */
  readonly confidences: Float32Array
}

export const noPredictions = (count: number): Predictions => ({
  classes: new Int32Array(count),
  confidences: new Float32Array(count),
})

/** Writes what `logits`, [n·classes], say of images into `predictions`, at the places `at`. */
export function predict(
  logits: Float32Array,
  classes: number,
  predictions: Predictions,
  at: readonly number[],
): void {
  for (const [i, n] of at.entries()) {
    const scores = row(logits, i, classes)
    const top = topClass(scores)
    predictions.classes[n] = top
    predictions.confidences[n] = 1 / scores.reduce((sum, score) => sum + Math.exp(score - scores[top]), 0)
  }
}
