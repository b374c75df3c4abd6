// What tickets and dense models share: a network in eval mode as a classifier.

import { checkPixels } from '../inputs/images.ts'
import type { Device } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { Classifier } from './classifier.ts'
import type { Network } from './network.ts'

export interface Prediction {
  /** The class of largest probability. */
  readonly label: number
  /** [classes] */
  readonly probabilities: Float32Array
}

export interface BatchPrediction {
  /** Classes of largest probability, [N]. */
  readonly labels: Int32Array
  /** [N, classes] */
  readonly probabilities: Float32Array
}

export abstract class NetworkClassifier implements Classifier {
  readonly network: Network

  /** Takes ownership of the network. */
  constructor(network: Network) {
    network.mode = 'eval'
    this.network = network
  }

  get numClasses(): number {
    return this.network.numClasses
  }
  get inputShape(): readonly [number, number, number] {
    return this.network.inputShape
  }
  get device(): Device {
    return this.network.device
  }

  get recordingKey(): string {
    return this.network.recordingKey
  }

  /** [N, C, H, W] in [0, 1] → [N, classes] */
  logits(x: Tensor): Tensor {
    return this.network.logits(x)
  }

  /**
   * Classifies one image.
   * @param pixels [C·H·W] in [0, 1]; beyond it by rounding, up to 1e-6, they are clipped
   * @throws ShapeError, ConfigError for pixels outside [0, 1], such as 8-bit or normalised ones
   */
  async predict(pixels: Float32Array): Promise<Prediction> {
    const image = checkPixels(pixels, this.inputShape, { images: 1 })
    using probabilities = scope(() => ops.softmax(this.#logitsOf(image, 1)))
    const values = await probabilities.data()
    return { label: values.indexOf(Math.max(...values)), probabilities: values }
  }

  /**
   * Classifies images.
   * @param pixels [N·C·H·W] in [0, 1], N ≥ 1; beyond it by rounding, up to 1e-6, they are clipped
   * @throws ShapeError, ConfigError for pixels outside [0, 1], such as 8-bit or normalised ones
   */
  async predictBatch(pixels: Float32Array): Promise<BatchPrediction> {
    const images = checkPixels(pixels, this.inputShape)
    const count = images.length / this.inputShape.reduce((product, d) => product * d, 1)
    const answer = scope(() => {
      const logits = this.#logitsOf(images, count)
      return { labels: ops.argmax(logits), probabilities: ops.softmax(logits) }
    })
    using labels = answer.labels
    using probabilities = answer.probabilities
    return { labels: await labels.data(), probabilities: await probabilities.data() }
  }

  dispose(): void {
    this.network.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  #logitsOf(pixels: Float32Array, count: number): Tensor {
    return this.logits(tensor(pixels, [count, ...this.inputShape], { device: this.device }))
  }
}
