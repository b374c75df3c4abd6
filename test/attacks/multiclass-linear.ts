// Linear models of several classes, and the distance to their nearest decision boundary.

import type { Norm } from '../../src/attacks/frame/threat-model.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { RandomStream } from '../../src/random/philox.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'

export interface LinearModel {
  /** Weights of each class, all of one length, exact in f32. */
  readonly weights: readonly (readonly number[])[]
  readonly biases: readonly number[]
}

/** Logits scale · (Wx + b) of images [1, 1, features]. */
export function multiclassLinear(
  { weights, biases }: LinearModel,
  { scale = 1, device = Device.default } = {},
): Classifier {
  const classes = weights.length
  const features = weights[0].length
  const weight = tensor(
    weights.flat().map(w => scale * w),
    [classes, features],
    { device },
  )
  const bias = tensor(
    biases.map(b => scale * b),
    [classes],
    { device },
  )
  return {
    numClasses: classes,
    inputShape: [1, 1, features],
    logits: x => ops.linear(x, weight, bias),
  }
}

export function linearLogits({ weights, biases }: LinearModel, x: ArrayLike<number>): number[] {
  return weights.map((w, c) => w.reduce((sum, weight, i) => sum + weight * x[i], biases[c]))
}

/** Weights from −1 to 1 and biases from −0.1 to 0.1, multiples of 1/512. */
export function randomLinearModel(classes: number, features: number, seed: number): LinearModel {
  const stream = new RandomStream(seed, 5)
  const draw = (i: number) => (stream.word(i) % 1024) / 512 - 1
  return {
    weights: Array.from({ length: classes }, (_, c) =>
      Array.from({ length: features }, (_, i) => draw(c * features + i)),
    ),
    biases: Array.from({ length: classes }, (_, c) => draw(classes * features + c) / 10).map(Math.fround),
  }
}

/**
 * The smallest perturbation of x inside [0, 1] that lifts another class to the label's logit, by bisection over how far
 * each coordinate goes; Infinity where there is none.
 */
export function minimalDistance(model: LinearModel, x: ArrayLike<number>, label: number, norm: Norm): number {
  const logits = linearLogits(model, x)
  let minimal = Number.POSITIVE_INFINITY
  for (let other = 0; other < logits.length; other++) {
    if (other === label) continue
    const w = model.weights[label].map((weight, i) => weight - model.weights[other][i])
    const moved = (scale: number) =>
      w.map((weight, i) => {
        const reach = scale * (norm === 'linf' ? Math.sign(weight) : weight)
        return x[i] - Math.min(1, Math.max(0, x[i] - reach))
      })
    const left = (scale: number) =>
      moved(scale).reduce((sum, d, i) => sum - d * w[i], logits[label] - logits[other])
    let [low, high] = [0, 1e6]
    if (left(high) > 0) continue
    for (let k = 0; k < 200; k++) {
      const middle = (low + high) / 2
      if (left(middle) > 0) low = middle
      else high = middle
    }
    const d = moved(high)
    minimal = Math.min(minimal, norm === 'linf' ? Math.max(...d.map(Math.abs)) : Math.hypot(...d))
  }
  return minimal
}
