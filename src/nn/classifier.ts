// The one interface through which an attack sees a model.
import { ConfigError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import { Device } from '../tensor/device.ts'
import { Tensor } from '../tensor/tensor.ts'

/** What a model is, as reports say it. */
export interface ModelIdentity {
  /** Such as 'ticket' or 'dense model'. */
  readonly kind: string
  /** Where it was loaded from or saved to. */
  readonly file?: string
  /** SHA-256, hexadecimal, of all that its answers depend on: architecture, masks, statistics, and weights or their seed. */
  readonly hash: string
  /** Name of the architecture. */
  readonly arch: string
  /** Multiplier of its hidden channels. */
  readonly width: number
  /** Of a ticket: share of mask entries kept in each layer. */
  readonly remainingRatio?: number
}

/** Anything from images to logits: a dense network, a ticket, a user's own function. */
export interface Classifier {
  /** How many classes it tells apart, at least 2. */
  readonly numClasses: number
  /** Of the images that it takes. */
  readonly inputShape: readonly [channels: number, height: number, width: number]
  /**
   * Whether `logits` may answer the same images differently from call to call, as a random switch does. An attack whose
   * verdict rests on single answers (AutoAttack `standard`) must refuse such a model: pin one ticket, or compute the
   * exact expectation with `evaluateR2S`. Default false.
   */
  readonly randomized?: boolean
  /** Where its tensors are, and `x` must be. Default: `Device.default`. */
  readonly device?: Device
  /**
   * Names the ops that `logits` runs. While it stays the same, they are the same for all images of one shape, and an
   * attack may record them and replay them without running `logits` (Device.record). Leave it out where `logits` draws,
   * decides or keeps anything in JavaScript, as a random switch does: it then runs each time.
   */
  readonly recordingKey?: string
  /** What it is, for reports. Default: they tell it by its answers. */
  identity?(): Promise<ModelIdentity>
  /**
   * A score for each class, the largest of the class that it takes the image for. Differentiable on the tape.
   * @param x images [N, C, H, W], pixels in [0, 1]
   * @returns [N, numClasses]
   */
  logits(x: Tensor): Tensor
}

/** The device that images must be on for the model; where it names none, that of the images if they are on one already. */
export function deviceOf(model: Classifier, images?: unknown): Device {
  return model.device ?? (Tensor.is(images) ? images.device : Device.default)
}

/**
 * @param option named in errors
 * @throws ConfigError
 */
export function checkClassifier(model: unknown, option = 'model'): asserts model is Classifier {
  const wrong = (message: string) => new ConfigError(message, option)
  if (typeof model !== 'object' || model === null || typeof (model as Classifier).logits !== 'function') {
    throw wrong(
      `Expected a model { numClasses, inputShape, logits(x) }, as loadTicket gives, for ${option} but received ${describeValue(model)}.`,
    )
  }
  const { numClasses, inputShape, device } = model as Classifier
  if (device !== undefined && !Device.is(device)) {
    throw wrong(`Expected a Device for ${option}.device but it is ${describeValue(device)}.`)
  }
  if (!Number.isSafeInteger(numClasses) || numClasses < 2) {
    throw wrong(
      `Expected a model of at least 2 classes but ${option}.numClasses is ${describeValue(numClasses)}: with one class every answer is right.`,
    )
  }
  const isShape =
    Array.isArray(inputShape) &&
    inputShape.length === 3 &&
    inputShape.every(d => Number.isSafeInteger(d) && d > 0)
  if (!isShape) {
    throw wrong(
      `Expected [channels, height, width] for ${option}.inputShape but it is ${Array.isArray(inputShape) ? `[${inputShape.join(', ')}]` : describeValue(inputShape)}.`,
    )
  }
}
