// A picture of adversarial images beside what they were made of.
import { encode } from 'fast-png'

export interface ContactSheet {
  /** [N·C·H·W] in [0, 1], C of 1 (grey) or 3 */
  readonly natural: Float32Array
  readonly adversarial: Float32Array
  readonly shape: readonly [channels: number, height: number, width: number]
}

const columns = 8
/** Least pixels across an image on the sheet; smaller ones are magnified by a whole number. */
const leastWidth = 64
/** Between images. */
const gap = 4

/**
 * A PNG of rows of up to eight images; each stands over what it became, and that over the difference of the two: grey
 * where there is none, black and white where it is largest in that image.
 */
export function contactSheet({ natural, adversarial, shape }: ContactSheet): Uint8Array<ArrayBuffer> {
  const [channels, height, width] = shape
  const imageSize = channels * height * width
  const count = natural.length / imageSize
  const scale = Math.ceil(leastWidth / width)
  const [cellWidth, cellHeight] = [width * scale + gap, height * scale + gap]
  const groupHeight = 3 * cellHeight + gap
  const sheetWidth = Math.min(columns, Math.max(1, count)) * cellWidth + gap
  const sheetHeight = Math.max(1, Math.ceil(count / columns)) * groupHeight + gap
  const data = new Uint8Array(sheetWidth * sheetHeight * 3).fill(255)

  const draw = (values: Float32Array, left: number, top: number) => {
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const at = Math.floor(y / scale) * width + Math.floor(x / scale)
        for (let c = 0; c < 3; c++) {
          const value = values[(channels === 3 ? c : 0) * height * width + at]
          data[((top + y) * sheetWidth + left + x) * 3 + c] = Math.round(255 * value)
        }
      }
    }
  }
  for (let n = 0; n < count; n++) {
    const [before, after] = [natural, adversarial].map(of => of.subarray(n * imageSize, (n + 1) * imageSize))
    const left = gap + (n % columns) * cellWidth
    const top = gap + Math.floor(n / columns) * groupHeight
    for (const [i, values] of [before, after, difference(before, after)].entries()) {
      draw(values, left, top + i * cellHeight)
    }
  }
  return new Uint8Array(encode({ width: sheetWidth, height: sheetHeight, data, channels: 3 }))
}

/** From 0 (the largest loss of brightness) over 0.5 (none) to 1. */
function difference(before: Float32Array, after: Float32Array): Float32Array {
  const change = after.map((v, i) => v - before[i])
  const largest = change.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  return change.map(v => 0.5 + (largest > 0 ? v / (2 * largest) : 0))
}
