// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3"
// (SC 2011). The same streams, to the bit, as native/core/philox.h.

/** What a stream is used for. The values are part of every saved result: append, never renumber. */
export const Purpose = {
  weight: 1,
  score: 2,
  augment: 3,
  attackStart: 4,
  noise: 5,
  dataOrder: 6,
  subset: 7,
  attackStep: 8,
  attackTarget: 9,
  ticketSwitch: 16,
} as const
export type Purpose = (typeof Purpose)[keyof typeof Purpose]

/** Counter and key are 32-bit words; the four words of the block are written to `out`. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0)
    const high1 = multiplyHigh(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2)
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1 >>> 0
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0 >>> 0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
}

/** The upper 32 bits of the product of two unsigned 32-bit words, by halves so that every sum is exact. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  return aHigh * bHigh + (middle >>> 16) + ((aLow * bHigh + (middle & 0xffff)) >>> 16)
}

/** One stream of random words, a pure function of its arguments and the position read. */
export class RandomStream {
  readonly #key: readonly [number, number]
  readonly #purpose: Purpose
  readonly #step: number
  readonly #index: number
  readonly #block = new Uint32Array(4)
  #blockPosition = -1

  /**
   * @param seed integer from 0 to 2^53 − 1
   * @param step the epoch, restart or attack step, 32 bits
   * @param index the layer or the sample, 32 bits
   */
  constructor(seed: number, purpose: Purpose, step = 0, index = 0) {
    this.#key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]
    this.#purpose = purpose
    this.#step = step
    this.#index = index
  }

  /** The four words of the block at `position`, 0 to 2^53 − 1; the array is reused by the next call. */
  block(position: number): Uint32Array {
    if (position !== this.#blockPosition) {
      const high = Math.floor(position / 2 ** 32) << 8
      philox4x32(
        [position % 2 ** 32, this.#index, this.#step, (this.#purpose | high) >>> 0],
        this.#key,
        this.#block,
      )
      this.#blockPosition = position
    }
    return this.#block
  }

  /** Word `i` of the stream, 0 to 2^32 − 1. */
  word(i: number): number {
    return this.block(Math.floor(i / 4))[i % 4]
  }
}
