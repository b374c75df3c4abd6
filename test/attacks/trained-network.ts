// A small trained network and the images that attacks are tried on.
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { scope } from '../../src/tensor/scope.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { trainDense } from '../../src/training/dense.ts'
import { stripes } from '../training/synthetic-dataset.ts'

const data = stripes({ test: 37 })
export const count = data.test.size
export const imageSize = 64
export const images = Float32Array.from(data.test.images, v => v / 255)
export const labels = [...data.test.labels]
// So that at least this image is classified wrong.
labels[5] = (labels[5] + 1) % 4

export async function trainedNetwork(device = new Device({ threads: 1 })) {
  const options = { arch: 'conv2', width: 0.1, data, inner: null, augment: false, device }
  return (await trainDense({ ...options, epochs: 8, batchSize: 32, lr: 0.1 })).model.network
}

/** The network with something done to its logits. */
export const changed = (
  network: Network,
  change: (logits: Tensor) => Tensor,
): Classifier & { device: Device } => ({
  device: network.device,
  numClasses: network.numClasses,
  inputShape: network.inputShape,
  logits: x => change(network.logits(x)),
})

/** 1 where the model is right on pixels [count·64]. */
export async function right(model: Classifier, pixels: Float32Array): Promise<number[]> {
  using correct = scope(() =>
    ops.correct(
      model.logits(tensor(pixels, [labels.length, 1, 8, 8], { device: deviceOf(model) })),
      tensor(labels, [labels.length], { dtype: 'i32', device: deviceOf(model) }),
    ),
  )
  return [...(await correct.data())]
}

const deviceOf = (model: Classifier) => (model as { device?: Device }).device ?? Device.default

export const image = (of: Float32Array, n: number) => of.slice(n * imageSize, (n + 1) * imageSize)

export const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0)

/** Norm of each image's difference from the original. */
export function distances(adversarial: Float32Array, originals: Float32Array, norm: 'linf' | 'l2'): number[] {
  return Array.from({ length: count }, (_, n) => {
    const from = image(originals, n)
    const moved = image(adversarial, n).map((v, i) => v - from[i])
    return norm === 'linf' ? Math.max(...moved.map(Math.abs)) : Math.hypot(...moved)
  })
}
