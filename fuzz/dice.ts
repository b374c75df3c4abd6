// Choices that a seed decides.
import { type Purpose, RandomStream } from '../src/random/philox.ts'

/** Not used by the package, so that a fuzzer's choices are nobody else's. */
const purpose = 0xf022 as Purpose

export class Dice {
  readonly #stream: RandomStream
  #count = 0

  constructor(seed: number) {
    this.#stream = new RandomStream(seed, purpose)
  }

  /** From [0, 1). */
  unit(): number {
    return this.#stream.word(this.#count++) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.unit() * count)
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }
}
