// Draws from a random stream, one after the other.
import type { RandomStream } from './philox.ts'

/**
 * Random numbers one after the other, of a counter-based stream (Philox 4×32-10; Salmon et al., SC 2011).
 * `attackFrame.drawsOf` makes it: what it gives depends on seed, attack, run and image alone.
 * @example
 * import { attackFrame } from 'rst-native'
 * const batch = {
 *   count: 1,
 *   images: new Float32Array(3),
 *   labels: Int32Array.of(0),
 *   sampleIds: Int32Array.of(7), // the image's number in its data set
 *   seed: 0,
 * }
 * const draws = attackFrame.drawsOf('my-attack', batch, 0)
 * const [u, i, s, z] = [draws.uniform(), draws.integer(10), draws.sign(), draws.normal()]
 * console.log(u >= 0 && u < 1, Number.isInteger(i), Math.abs(s), Number.isFinite(z)) // → true true 1 true
 */
export class Draws {
  readonly #stream: RandomStream
  #position = 0
  #spare: number | null = null

  /** @internal */
  constructor(stream: RandomStream) {
    this.#stream = stream
  }

  #word(): number {
    return this.#stream.word(this.#position++)
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  uniform(): number {
    return this.#word() / 2 ** 32
  }

  /** Uniform among 0 … count − 1, for count up to 2^32. */
  integer(count: number): number {
    return Math.floor(this.uniform() * count)
  }

  /** −1 or 1, equally likely. */
  sign(): number {
    return this.#word() < 2 ** 31 ? -1 : 1
  }

  /** Standard normal, by Box and Muller's transform. */
  normal(): number {
    if (this.#spare !== null) {
      const spare = this.#spare
      this.#spare = null
      return spare
    }
    const radius = Math.sqrt(-2 * Math.log((this.#word() + 0.5) / 2 ** 32))
    const angle = 2 * Math.PI * this.uniform()
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}
