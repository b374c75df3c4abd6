// What an iterative attack maximises: a loss of each image, and whether the image fools the model.
import { reached } from './goal.ts'
import type { Loss } from './losses.ts'
import { type Oracle, row } from './oracle.ts'

/** What is known of n points. */
export interface Judgement {
  /** [n] */
  readonly losses: Float64Array
  /**
   * 1 where the model is wrong (in a targeted run: where it answers with the target), 0 elsewhere; of several models the
   * share that is wrong, [n]
   */
  readonly fooled: Float64Array
}

/**
 * Judges points [n·C·H·W], which are tries for the images of the batch that `images` [n] numbers. What it says of a point
 * must depend on that point and its image only.
 */
export interface Objective {
  evaluate(points: Float32Array<ArrayBuffer>, images: readonly number[]): Promise<Judgement>
  /** Also gives the gradient of each loss to its point, [n·C·H·W]. */
  differentiate(
    points: Float32Array<ArrayBuffer>,
    images: readonly number[],
  ): Promise<Judgement & { gradient: Float32Array }>
}

export interface LossObjectiveOptions {
  /** Target class of each image of the batch, for targeted losses. */
  targets?: Int32Array<ArrayBuffer>
  /** Whether an image is fooled only where it is taken for its target. Default false: any class but the label will do. */
  toTarget?: boolean
  /**
   * Passes through a model that answers at random. Losses and gradients are their means, and an image is fooled where
   * more than half of the passes are wrong. Default 1.
   */
  passes?: number
}

/** An objective of one model. */
export interface LossObjective extends Objective {
  /** As `evaluate`, where the first of the passes has been made: `logits` [n·classes] is its answer. */
  evaluate(
    points: Float32Array<ArrayBuffer>,
    images: readonly number[],
    logits?: Float32Array,
  ): Promise<Judgement>
}

/** @param labels of the whole batch */
export function lossObjective(
  oracle: Oracle,
  loss: Loss,
  labels: Int32Array<ArrayBuffer>,
  { targets, toTarget = false, passes = 1 }: LossObjectiveOptions = {},
): LossObjective {
  const { classes } = oracle
  const goal = { labels, targets: toTarget ? targets : undefined }
  const lossOf = (logits: Float32Array, image: number, cotangent: Float64Array) =>
    loss(logits, labels[image], cotangent, targets?.[image] ?? -1)
  return {
    async evaluate(points, images, first) {
      const tally = new Tally(images.length)
      const unused = new Float64Array(classes)
      for (let pass = 0; pass < passes; pass++) {
        const logits = pass === 0 && first ? first : await oracle.logits(points)
        for (const [n, image] of images.entries()) {
          const own = row(logits, n, classes)
          tally.add(n, lossOf(own, image, unused), reached(goal, image, own))
        }
      }
      return tally.mean(passes)
    },
    async differentiate(points, images) {
      const tally = new Tally(images.length)
      const differentiateOnce = () =>
        oracle.differentiate(points, (n, logits, cotangent) => {
          const image = images[n]
          tally.add(n, lossOf(logits, image, cotangent), reached(goal, image, logits))
        })
      const { gradient } = await differentiateOnce()
      for (let pass = 1; pass < passes; pass++) {
        const next = (await differentiateOnce()).gradient
        for (let j = 0; j < gradient.length; j++) gradient[j] += next[j]
      }
      for (let j = 0; passes > 1 && j < gradient.length; j++) gradient[j] /= passes
      return { ...tally.mean(passes), gradient }
    },
  }
}

/** Sums over passes. */
class Tally {
  readonly #losses: Float64Array
  readonly #fooled: Int32Array

  constructor(count: number) {
    this.#losses = new Float64Array(count)
    this.#fooled = new Int32Array(count)
  }

  add(n: number, loss: number, fooled: boolean): void {
    this.#losses[n] += loss
    if (fooled) this.#fooled[n]++
  }

  mean(passes: number): Judgement {
    return {
      losses: this.#losses.map(sum => sum / passes),
      fooled: Float64Array.from(this.#fooled, times => (2 * times > passes ? 1 : 0)),
    }
  }
}
