// The best try for each image of a batch, through all runs of an attack.
import type { HostBatch } from './host-batch.ts'

export class Tries {
  /** [count·C·H·W], the images themselves at first. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** Loss at the try that is kept, [count]; −Infinity at first. */
  readonly bestLoss: Float64Array
  /** How far the try that is kept fools the model, from 0 (it is right) to 1, [count]; between for several models. */
  readonly fooled: Float64Array
  readonly #imageSize: number

  constructor({ images, count }: Pick<HostBatch, 'images' | 'count'>) {
    this.adversarial = new Float32Array(images)
    this.bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
    this.fooled = new Float64Array(count)
    this.#imageSize = images.length / count
  }

  /** Keeps a try for image n if it fools more than the one kept, or as much and its loss is larger. */
  offer(n: number, point: Float32Array, loss: number, fooled: number): void {
    const better = fooled === this.fooled[n] ? loss > this.bestLoss[n] : fooled > this.fooled[n]
    if (!better) return
    this.adversarial.set(point, n * this.#imageSize)
    this.bestLoss[n] = loss
    this.fooled[n] = fooled
  }

  /** Images that no try fools wholly yet. */
  get standing(): number[] {
    return Array.from(this.fooled, (_, n) => n).filter(n => this.fooled[n] < 1)
  }
}
