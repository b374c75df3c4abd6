// The check of what a model answers, at every pass.
import { ShapeError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Classifier } from './classifier.ts'

/**
 * The model's logits of x [N, C, H, W], [N, numClasses].
 * @throws ShapeError where the model answers with anything else
 */
export function answerOf(model: Classifier, x: Tensor): Tensor {
  const logits: unknown = model.logits(x)
  const expected = [x.shape[0], model.numClasses]
  if (!(logits instanceof Tensor)) {
    throw new ShapeError(
      `Expected logits of [${expected.join(', ')}] from the model but its logits() returned ${describeValue(logits)}.`,
    )
  }
  if (logits.dtype !== 'f32' || logits.shape.join() !== expected.join()) {
    throw new ShapeError(
      `Expected logits of [${expected.join(', ')}] (images, numClasses) from the model but its logits() returned ${logits.dtype === 'f32' ? '' : `${logits.dtype} of `}[${logits.shape.join(', ')}]; numClasses must be the number of logits.`,
    )
  }
  return logits
}
