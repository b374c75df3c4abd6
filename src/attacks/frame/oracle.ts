// What an attack may ask of a model, with images and answers in host memory, and how often it did.
import { AbortError } from '../../errors.ts'
import { type Classifier, deviceOf } from '../../nn/classifier.ts'
import type { Device } from '../../tensor/device.ts'
import { scope } from '../../tensor/scope.ts'
import { vjp } from '../../tensor/tape.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { answerOf } from './answer.ts'
import type { Passes } from './attack.ts'

/** The derivative of an attack's loss to the logits of image n, written to `cotangent` [classes]. */
export type CotangentOf = (n: number, logits: Float32Array, cotangent: Float64Array) => void

/**
 * What an attack may ask of a model, with images and answers in host memory. Every pass is counted, and ends at the
 * signal. `hostAttack` hands one to `attackBatch`.
 * @example
 * import { attackFrame } from 'rst-native'
 * const threat = attackFrame.threatModel({ eps: 8 / 255 })
 * const oneStep = attackFrame.hostAttack({
 *   name: 'one-step',
 *   threat,
 *   passes: () => ({ forwards: 3, backwards: 1 }),
 *   async attackBatch(oracle, { images, labels, count }) {
 *     const loss = attackFrame.lossFor('ce', false)
 *     const { gradient } = await oracle.differentiate(images, (n, logits, cotangent) => {
 *       loss(logits, labels[n], cotangent, -1)
 *     })
 *     const adversarial = images.map((pixel, j) => {
 *       return Math.min(1, Math.max(0, pixel + threat.eps * Math.sign(gradient[j])))
 *     })
 *     const answers = await oracle.logits(adversarial)
 *     const bestLoss = Float32Array.from({ length: count }, (_, n) => {
 *       const own = attackFrame.row(answers, n, oracle.classes)
 *       return loss(own, labels[n], new Float64Array(oracle.classes), -1)
 *     })
 *     return { adversarial, bestLoss }
 *   },
 * })
 * console.log(oneStep.name, oneStep.norm) // → one-step linf
 */
export class Oracle {
  /** That is attacked. */
  readonly model: Classifier
  /** How many logits it answers. */
  readonly classes: number
  /** Values of one image, C·H·W. */
  readonly imageSize: number
  /** Images that went forwards through the model so far. */
  forwards = 0
  /** Images whose gradients were computed so far. */
  backwards = 0
  /** Ends every further pass. */
  readonly signal: AbortSignal | undefined
  /** Where the model's tensors live. */
  readonly device: Device
  readonly #onPass: ((passes: number) => void) | undefined

  /** @internal @param onPass told the images that passed so far, forwards and backwards, after each pass */
  constructor(model: Classifier, signal?: AbortSignal, onPass?: (passes: number) => void) {
    this.model = model
    this.classes = model.numClasses
    this.imageSize = model.inputShape.reduce((product, d) => product * d, 1)
    this.device = deviceOf(model)
    this.signal = signal
    this.#onPass = onPass
  }

  /**
   * The model's answers.
   * @param x images [n·imageSize], at least one
   * @returns [n·classes]
   * @throws AbortError, ShapeError where the model answers anything but a logit for each class
   */
  async logits(x: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const count = this.#count(x)
    this.forwards += count
    using y = scope(() => answerOf(this.model, this.upload(x)))
    const logits = await y.data()
    this.#onPass?.(this.forwards + this.backwards)
    return logits
  }

  /**
   * The gradient to each image of the loss whose derivative to the logits is `cotangentOf`.
   * @param x images [n·imageSize], at least one
   * @param cotangentOf called once an image, writes to its third argument
   * @returns logits [n·classes] and gradient [n·imageSize]
   * @throws AbortError
   */
  async differentiate(
    x: Float32Array<ArrayBuffer>,
    cotangentOf: CotangentOf,
  ): Promise<{ logits: Float32Array<ArrayBuffer>; gradient: Float32Array<ArrayBuffer> }> {
    const count = this.#count(x)
    this.forwards += count
    using images = this.upload(x)
    const { value, pull, dispose } = vjp(() => answerOf(this.model, images), [images])
    let logits: Float32Array<ArrayBuffer>
    let cotangents: Float32Array<ArrayBuffer>
    try {
      logits = await value.data()
      cotangents = new Float32Array(logits.length)
      const cotangent = new Float64Array(this.classes)
      for (let n = 0; n < count; n++) {
        cotangent.fill(0)
        cotangentOf(n, row(logits, n, this.classes), cotangent)
        cotangents.set(cotangent, n * this.classes)
      }
    } catch (error) {
      dispose()
      throw error
    }
    this.backwards += count
    const [gradient] = pull(tensor(cotangents, [count, this.classes], { device: this.device }))
    using dx = gradient!
    const found = { logits, gradient: await dx.data() }
    this.#onPass?.(this.forwards + this.backwards)
    return found
  }

  /**
   * Images as a tensor [n, C, H, W] on the model's device, for attacks that work there. The caller owns it.
   * @param x [n·imageSize]
   * @throws ShapeError, DeviceError
   * @example
   * import { attackFrame, ops, scope } from 'rst-native'
   * const threat = attackFrame.threatModel({ eps: 8 / 255 })
   * const noise = attackFrame.hostAttack({
   *   name: 'noise',
   *   threat,
   *   passes: () => ({ forwards: 3, backwards: 0 }),
   *   async attackBatch(oracle, { images, count }) {
   *     using tried = scope(() => ops.clip(ops.scale(oracle.upload(images), 1.02), 0, 1))
   *     using logits = oracle.model.logits(tried)
   *     oracle.passed({ forwards: count, backwards: 0 }) // a pass that was made without the oracle
   *     const adversarial = (await logits.data()).some(Number.isNaN) ? images : await tried.data()
   *     return { adversarial, bestLoss: new Float32Array(count) }
   *   },
   * })
   * console.log(noise.name) // → noise
   */
  upload(x: Float32Array<ArrayBuffer>): Tensor {
    return tensor(x, [x.length / this.imageSize, ...this.model.inputShape], { device: this.device })
  }

  /**
   * Counts passes of images that an attack made without the oracle.
   * @param passes images that went forwards and backwards
   */
  passed({ forwards, backwards }: Passes): void {
    this.forwards += forwards
    this.backwards += backwards
    this.#onPass?.(this.forwards + this.backwards)
  }

  #count(x: Float32Array): number {
    if (this.signal?.aborted) {
      throw new AbortError('The attack was interrupted.', { cause: this.signal.reason })
    }
    return x.length / this.imageSize
  }
}

/** Row n of a matrix of rows of `width`, sharing its memory. */
export function row<T extends Float32Array | Float64Array>(matrix: T, n: number, width: number): T {
  return matrix.subarray(n * width, (n + 1) * width) as T
}

/** The rows `indices` of a matrix of rows of `width`, copied. */
export function rows(
  matrix: Float32Array,
  indices: readonly number[],
  width: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(indices.length * width)
  for (const [i, n] of indices.entries()) out.set(row(matrix as Float32Array, n, width), i * width)
  return out
}
