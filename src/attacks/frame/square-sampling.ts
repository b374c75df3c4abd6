// How the Square Attack draws its starting points and its changes: Andriushchenko et al., "Square Attack: a
// query-efficient black-box adversarial attack via random search" (ECCV 2020), Algorithms 2 (L∞) and 3 (L2).
//
// An image is [C, H, W] in [0, 1]. Each image draws from its own stream, and each proposal takes the same number of
// draws, so that a search of more queries begins as one of fewer.
import type { Draws } from '../../random/draws.ts'

export type ImageShape = readonly [channels: number, height: number, width: number]

/** The square windows that a proposal changes, in all channels: corners holds top and left of each. */
export interface Windows {
  readonly side: number
  readonly corners: Int32Array
}

export interface Sampling {
  /** Windows of a proposal. */
  readonly windowCount: number
  /** Side of the windows that cover the share p of the image's pixels. */
  side(p: number): number
  /** Writes a starting point to x. */
  start(original: Float32Array, x: Float32Array, draws: Draws): void
  /** Draws the corners of the windows and changes x there. */
  propose(original: Float32Array, x: Float32Array, windows: Windows, draws: Draws): void
}

/**
 * Vertical stripes of ±eps, one pixel wide, to start with; then squares of ±eps, a sign for each channel. The paper adds
 * ±2·eps to the point so far and projects; as this point is in ball and box, that is to set the square to ±eps around
 * the image.
 */
export function linfSampling(eps: number, [channels, height, width]: ImageShape): Sampling {
  return {
    windowCount: 1,
    side: p => Math.min(Math.max(Math.round(Math.sqrt(p * height * width)), 1), height, width),

    start(original, x, draws) {
      for (let c = 0; c < channels; c++) {
        for (let column = 0; column < width; column++) {
          const change = eps * draws.sign()
          for (let row = 0; row < height; row++) {
            const i = (c * height + row) * width + column
            x[i] = clampToBox(original[i] + change)
          }
        }
      }
    },

    propose(original, x, { side, corners }, draws) {
      drawCorner(corners, 0, side, height, width, draws)
      for (let c = 0; c < channels; c++) {
        const change = eps * draws.sign()
        for (let row = 0; row < side; row++) {
          const from = (c * height + corners[0] + row) * width + corners[1]
          for (let i = from; i < from + side; i++) x[i] = clampToBox(original[i] + change)
        }
      }
    },
  }
}

/**
 * A grid of bumps to start with, each a fifth of the image high: five by five, or more where the division leaves room.
 * Then the perturbation of a second window moves into the first, where a bump is added. In each channel the first window
 * gets the norm of both, and its part of what the box took from the norm of the image, so that the perturbation keeps
 * the norm eps. (The reference code of AutoAttack gives each channel the norm of all channels, then normalises the image.)
 */
export function l2Sampling(eps: number, [channels, height, width]: ImageShape): Sampling {
  const shortSide = Math.min(height, width)
  const bumps = new Map<number, Float64Array>()
  const bumpOf = (side: number): Float64Array => {
    const known = bumps.get(side)
    if (known) return known
    const made = bump(side)
    bumps.set(side, made)
    return made
  }
  return {
    windowCount: 2,
    // Odd, at least 3 where the image is as large.
    side(p) {
      const side = Math.max(Math.round(Math.sqrt(p * height * width)), 3)
      return Math.min(side + 1 - (side % 2), shortSide - 1 + (shortSide % 2))
    },

    start(original, x, draws) {
      const side = Math.max(Math.floor(shortSide / 5), 1)
      const shape = bumpOf(side)
      const perturbation = new Float64Array(x.length)
      const top = (height % side) >> 1
      const left = (width % side) >> 1
      for (let tileTop = top; tileTop + side <= height; tileTop += side) {
        for (let tileLeft = left; tileLeft + side <= width; tileLeft += side) {
          const transposed = draws.sign() > 0
          for (let c = 0; c < channels; c++) {
            const sign = draws.sign()
            for (let row = 0; row < side; row++) {
              const from = (c * height + tileTop + row) * width + tileLeft
              for (let column = 0; column < side; column++) {
                perturbation[from + column] = sign * at(shape, side, row, column, transposed)
              }
            }
          }
        }
      }
      const scale = eps / norm(perturbation)
      for (let i = 0; i < x.length; i++) x[i] = clampToBox(original[i] + scale * perturbation[i])
    },

    propose(original, x, { side, corners }, draws) {
      drawCorner(corners, 0, side, height, width, draws)
      drawCorner(corners, 2, side, height, width, draws)
      const [top, left, secondTop, secondLeft] = corners
      const shape = bumpOf(side)
      const transposed = draws.sign() > 0
      let squares = 0
      for (let i = 0; i < x.length; i++) squares += (x[i] - original[i]) ** 2
      // Below 0 by rounding at most; counted all the same, so that rounding does not add up over the queries.
      const unused = eps * eps - squares
      const change = new Float64Array(side * side)
      for (let c = 0; c < channels; c++) {
        const sign = draws.sign()
        let first = 0
        for (let row = 0; row < side; row++) {
          const from = (c * height + top + row) * width + left
          for (let column = 0; column < side; column++) {
            const before = x[from + column] - original[from + column]
            change[row * side + column] = before
            first += before * before
            x[from + column] = original[from + column]
          }
        }
        // What the two windows share has been counted and set back already.
        let second = 0
        for (let row = 0; row < side; row++) {
          const from = (c * height + secondTop + row) * width + secondLeft
          for (let i = from; i < from + side; i++) {
            second += (x[i] - original[i]) ** 2
            x[i] = original[i]
          }
        }
        addBump(change, Math.sqrt(first), shape, side, sign, transposed)
        const scale = Math.sqrt(Math.max(first + second + unused / channels, 0)) / norm(change)
        for (let row = 0; row < side; row++) {
          const from = (c * height + top + row) * width + left
          for (let column = 0; column < side; column++) {
            x[from + column] = clampToBox(original[from + column] + scale * change[row * side + column])
          }
        }
      }
    },
  }
}

/** The direction of `change`, of the given norm, plus sign · bump; the bump alone where they cancel. */
function addBump(
  change: Float64Array,
  norm: number,
  shape: Float64Array,
  side: number,
  sign: number,
  transposed: boolean,
): void {
  const scale = norm > 0 ? 1 / norm : 0
  let squares = 0
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const i = row * side + column
      change[i] = change[i] * scale + sign * at(shape, side, row, column, transposed)
      squares += change[i] * change[i]
    }
  }
  if (squares > 1e-12) return
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      change[row * side + column] = sign * at(shape, side, row, column, transposed)
    }
  }
}

/**
 * The change η of the L2 attack (Eq. 3), of norm 1: a positive bump in the upper ⌊side/2⌋ rows and a negative one in
 * the others. Where images are transposed, left and right.
 * @returns [side·side]
 */
export function bump(side: number): Float64Array {
  const upper = side >> 1
  const out = new Float64Array(side * side)
  for (const [from, rows, sign] of [
    [0, upper, 1],
    [upper, side - upper, -1],
  ]) {
    const half = new Float64Array(rows * side)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < side; column++) {
        const distance = Math.max(Math.abs(row - (rows >> 1)), Math.abs(column - (side >> 1)))
        for (let k = distance; k <= side >> 1; k++) half[row * side + column] += 1 / (k + 1) ** 2
      }
    }
    const length = norm(half)
    for (let i = 0; i < half.length; i++) out[from * side + i] = (sign * half[i]) / length
  }
  const length = norm(out)
  for (let i = 0; i < out.length; i++) out[i] /= length
  return out
}

function at(shape: Float64Array, side: number, row: number, column: number, transposed: boolean): number {
  return transposed ? shape[column * side + row] : shape[row * side + column]
}

/**
 * Uniform among all places of the window in the image, as in the paper. (The reference code leaves out the last row
 * and column of places, so that small windows never reach the lower and the right edge.)
 */
function drawCorner(
  corners: Int32Array,
  at: number,
  side: number,
  height: number,
  width: number,
  draws: Draws,
): void {
  corners[at] = draws.integer(height - side + 1)
  corners[at + 1] = draws.integer(width - side + 1)
}

function clampToBox(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value
}

function norm(values: Float64Array): number {
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i]
  return Math.sqrt(squares)
}
