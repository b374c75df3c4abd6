// The best try for each image of a batch, through all runs of an attack.
import type { HostBatch } from './host-attack.ts'

export class Tries {
  /** [count·C·H·W], the images themselves at first. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** Loss at the try that is kept, [count]; −Infinity at first. */
  readonly bestLoss: Float64Array
  /** 1 where the try that is kept fools the model, [count]. */
  readonly fooled: Uint8Array
  readonly #imageSize: number

  constructor({ images, count }: HostBatch) {
    this.adversarial = new Float32Array(images)
    this.bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
    this.fooled = new Uint8Array(count)
    this.#imageSize = images.length / count
  }

  /** Keeps a try for image n if it fools the model and the one kept does not, or else if its loss is larger. */
  offer(n: number, point: Float32Array, loss: number, fools: boolean): void {
    const better = fools === (this.fooled[n] === 1) ? loss > this.bestLoss[n] : fools
    if (!better) return
    this.adversarial.set(point, n * this.#imageSize)
    this.bestLoss[n] = loss
    this.fooled[n] = fools ? 1 : 0
  }

  /** Images that no try fools yet. */
  get standing(): number[] {
    return Array.from(this.fooled, (_, n) => n).filter(n => this.fooled[n] === 0)
  }
}
