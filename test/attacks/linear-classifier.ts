// Two-class linear models, whose worst perturbations have a closed form.
import type { Classifier } from '../../src/nn/classifier.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'

/** Logits (w·x + b, 0) of images [1, 1, w.length]. Class 0 where w·x + b is above 0. */
export function linearClassifier(w: readonly number[], b: number, device = Device.default): Classifier {
  const weight = tensor([...w, ...w.map(() => 0)], [2, w.length], { device })
  const bias = tensor([b, 0], [2], { device })
  return {
    numClasses: 2,
    inputShape: [1, 1, w.length],
    logits: x => ops.linear(x, weight, bias),
  }
}
