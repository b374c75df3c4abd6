// The one interface through which an attack sees a model.
import { ConfigError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Anything from images to logits: a dense network, a ticket, a user's own function. */
export interface Classifier {
  readonly numClasses: number
  readonly inputShape: readonly [channels: number, height: number, width: number]
  /**
   * Whether `logits` may answer the same images differently from call to call, as a random switch does. An attack whose
   * verdict rests on single answers (AutoAttack `standard`) must refuse such a model: pin one ticket, or compute the
   * exact expectation with `evaluateR2S`. Default false.
   */
  readonly randomized?: boolean
  /** [N, C, H, W] in [0, 1] → [N, numClasses], differentiable on the tape. */
  logits(x: Tensor): Tensor
}

/**
 * @param option named in errors
 * @throws ConfigError for a model that says of itself what no classifier can be
 */
export function checkClassifier(model: unknown, option = 'model'): asserts model is Classifier {
  const wrong = (message: string) => new ConfigError(message, option)
  if ((typeof model !== 'object' && typeof model !== 'function') || model === null) {
    throw wrong(
      `Expected a classifier { numClasses, inputShape, logits } for ${option} but received ${describeValue(model)}.`,
    )
  }
  const { numClasses, inputShape, logits } = model as Partial<Record<keyof Classifier, unknown>>
  if (typeof logits !== 'function') {
    throw wrong(`Expected a function for ${option}.logits but received ${describeValue(logits)}.`)
  }
  if (!Number.isSafeInteger(numClasses) || (numClasses as number) < 1) {
    throw wrong(
      `Expected a whole number of at least 2 for ${option}.numClasses but received ${describeValue(numClasses)}.`,
    )
  }
  if (numClasses === 1) {
    throw wrong(
      `Expected a model of at least 2 classes but it has ${numClasses}: with one class every answer is right.`,
    )
  }
  const sizes = Array.isArray(inputShape) ? inputShape : []
  if (sizes.length !== 3 || !sizes.every(size => Number.isSafeInteger(size) && size >= 1)) {
    throw wrong(
      `Expected [channels, height, width], whole numbers of at least 1, for ${option}.inputShape but received ${Array.isArray(inputShape) ? `[${inputShape.join(', ')}]` : describeValue(inputShape)}.`,
    )
  }
}
