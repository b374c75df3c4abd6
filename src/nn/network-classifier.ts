// What tickets and dense models share: a network in eval mode as a classifier.

import { checkPixels, checkPixelsInSlices, valuesOf } from '../inputs/images.ts'
import type { Device } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { upload } from '../tensor/upload.ts'
import type { Classifier } from './classifier.ts'
import type { Network } from './network.ts'

/** Pixels that are checked and copied in a millisecond or two; with more the event loop runs in between. */
const atOnce = 2 ** 18

/** What a model answers to one image. */
export interface Prediction {
  /** The class of largest probability. */
  readonly label: number
  /** Of each class, [classes], of sum 1. */
  readonly probabilities: Float32Array
}

/** What a model answers to a batch of images. */
export interface BatchPrediction {
  /** Classes of largest probability, [N]. */
  readonly labels: Int32Array
  /** Of each class, [N, classes], each row of sum 1. */
  readonly probabilities: Float32Array
}

/**
 * What tickets and dense models share: a network in eval mode that classifies pixels. It keeps its weights on a
 * device until it is disposed.
 * @example
 * import { loadTicket, tensor } from 'rst-native'
 * using model = await loadTicket('rst-5.safetensors')
 * const pixels = new Float32Array(2 * 3 * 32 * 32).fill(0.5) // two images
 * const { label, probabilities } = await model.predict(pixels.subarray(0, 3072))
 * const { labels } = await model.predictBatch(pixels)
 * console.log(label === labels[0], labels.length, probabilities.length) // → true 2 10
 * console.log(model.logits(tensor(pixels, [2, 3, 32, 32])).shape) // → [2, 10]
 */
export abstract class NetworkClassifier implements Classifier {
  /** Its layers, which the model owns. */
  readonly network: Network

  /** Takes ownership of the network. */
  constructor(network: Network) {
    network.mode = 'eval'
    this.network = network
  }

  /** How many classes it tells apart. */
  get numClasses(): number {
    return this.network.numClasses
  }
  /** Of the images that it takes. */
  get inputShape(): readonly [number, number, number] {
    return this.network.inputShape
  }
  /** Where its tensors are. */
  get device(): Device {
    return this.network.device
  }

  /** Names the ops that `logits` runs; see Classifier. */
  get recordingKey(): string {
    return this.network.recordingKey
  }

  /**
   * A score for each class, differentiable on the tape.
   * @param x images [N, C, H, W], pixels in [0, 1]
   * @returns [N, classes]
   * @throws ShapeError, ConfigError, DeviceError
   */
  logits(x: Tensor): Tensor {
    return this.network.logits(x)
  }

  /**
   * Classifies one image. Never holds up the event loop for long.
   * @param pixels [C·H·W] in [0, 1]; beyond it by rounding, up to 1e-6, they are clipped. They must not change until the
   * promise resolves
   * @throws ShapeError, ConfigError for pixels outside [0, 1], such as 8-bit or normalised ones
   */
  async predict(pixels: Float32Array): Promise<Prediction> {
    using probabilities = await this.#computed(pixels, 1, logits => ops.softmax(logits))
    const values = await probabilities.data()
    return { label: values.indexOf(Math.max(...values)), probabilities: values }
  }

  /**
   * Classifies images. Never holds up the event loop for long, however many there are.
   * @param pixels [N·C·H·W] in [0, 1], N ≥ 1; beyond it by rounding, up to 1e-6, they are clipped. They must not change
   * until the promise resolves
   * @throws ShapeError, ConfigError for pixels outside [0, 1], such as 8-bit or normalised ones
   */
  async predictBatch(pixels: Float32Array): Promise<BatchPrediction> {
    const answer = await this.#computed(pixels, undefined, logits => ({
      labels: ops.argmax(logits),
      probabilities: ops.softmax(logits),
    }))
    using labels = answer.labels
    using probabilities = answer.probabilities
    return { labels: await labels.data(), probabilities: await probabilities.data() }
  }

  /** Gives back the memory of its network. Disposing twice is allowed. */
  dispose(): void {
    this.network.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  /**
   * What `body` makes of the logits. Few pixels are checked and copied, and the ops enqueued, before this returns.
   * @param images how many there must be, by default one or more
   */
  #computed<T>(
    pixels: Float32Array,
    images: number | undefined,
    body: (logits: Tensor) => T,
  ): T | Promise<T> {
    const { device, inputShape } = this
    const shapeOf = (checked: Float32Array) => [checked.length / valuesOf(inputShape), ...inputShape]
    if (!(pixels?.length > atOnce)) {
      const checked = checkPixels(pixels, inputShape, { images })
      return scope(() => body(this.logits(tensor(checked, shapeOf(checked), { device }))))
    }
    return (async () => {
      const checked = await checkPixelsInSlices(pixels, inputShape, { images })
      using x = await upload(checked, shapeOf(checked), { device })
      return scope(() => body(this.logits(x)))
    })()
  }
}
