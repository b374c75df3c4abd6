// Linear models of several classes, whose robustness has a closed form.
import type { Classifier } from '../../src/attacks/classifier.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'

/** Logits W·x + b of images [1, 1, pixels]; W is given by its rows, one a class. */
export function linearClasses(
  weights: readonly (readonly number[])[],
  biases: readonly number[],
  device = Device.default,
): Classifier {
  const pixels = weights[0].length
  const weight = tensor(weights.flat(), [weights.length, pixels], { device })
  const bias = tensor([...biases], [weights.length], { device })
  return {
    numClasses: weights.length,
    inputShape: [1, 1, pixels],
    logits: x => ops.linear(x, weight, bias),
  }
}
