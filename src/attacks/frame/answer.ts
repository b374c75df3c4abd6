// What a model answers, checked before anything is computed from it.
import { ShapeError } from '../../errors.ts'
import { describeValue } from '../../inputs/options.ts'
import type { Classifier } from '../../nn/classifier.ts'
import { Tensor } from '../../tensor/tensor.ts'

/**
 * The logits of images.
 * @param x [N, C, H, W]
 * @returns [N, numClasses]
 * @throws ShapeError where the model answers anything else
 */
export function answerOf(model: Classifier, x: Tensor): Tensor {
  const answer: unknown = model.logits(x)
  const expected = `Expected logits [${x.shape[0]}, ${model.numClasses}], one for each class, since the model says numClasses ${model.numClasses}`
  if (!(answer instanceof Tensor)) {
    throw new ShapeError(
      `${expected}, but it answers with ${describeValue(answer)}${answer instanceof Promise ? ': logits must not be async' : ''}.`,
    )
  }
  const { shape, dtype } = answer
  if (shape.length === 2 && shape[0] === x.shape[0] && shape[1] === model.numClasses && dtype === 'f32') {
    return answer
  }
  throw new ShapeError(`${expected}, but it answers [${shape.join(', ')}] of ${dtype}.`)
}
