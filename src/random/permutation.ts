// Random orders.
import { multiplyHigh, type Purpose, RandomStream } from './philox.ts'

/**
 * A random order of 0 … n − 1, every order equally likely: a Fisher–Yates shuffle with the unbiased bounded
 * draws of Lemire, "Fast Random Integer Generation in an Interval" (2019).
 * @param n 0 to 2^32 − 1
 * @param seed integer from 0 to 2^53 − 1
 * @param step the epoch, or another number that tells apart the orders of one purpose
 */
export function permutation(n: number, seed: number, purpose: Purpose, step = 0): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  const stream = new RandomStream(seed, purpose, step)
  let position = 0
  const below = (bound: number) => {
    const rejected = 2 ** 32 % bound
    for (;;) {
      const word = stream.word(position++)
      // The product's lower 32 bits decide whether this word is one of the few that would favour some results.
      if (Math.imul(word, bound) >>> 0 >= rejected) return multiplyHigh(word, bound)
    }
  }
  for (let last = n - 1; last > 0; last--) {
    const other = below(last + 1)
    const index = order[last]
    order[last] = order[other]
    order[other] = index
  }
  return order
}
