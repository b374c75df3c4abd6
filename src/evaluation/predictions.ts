// What a model answers to images in host memory.
import { answerOf } from '../attacks/answer.ts'
import type { Classifier } from '../attacks/classifier.ts'
import { topClass } from '../attacks/losses.ts'
import { row } from '../attacks/oracle.ts'
import { Device } from '../tensor/device.ts'
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
  const device = (model as { device?: Device }).device ?? Device.default
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

/** 1 where the model's prediction is the label, [N]. */
export async function rightlyClassified(
  model: Classifier,
  pixels: Float32Array<ArrayBuffer>,
  labels: ArrayLike<number>,
): Promise<Uint8Array<ArrayBuffer>> {
  return rightOf(await logitsOf(model, pixels), labels, model.numClasses)
}
