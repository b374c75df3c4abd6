// A picture of adversarial images beside what they were made of.
import { encode } from 'fast-png'
import { drawText, fitText, letterAdvance, lineAdvance } from './bitmap-font.ts'

/** Lines of text under the natural image, the adversarial one, and their difference. */
export interface Caption {
  readonly natural: readonly string[]
  readonly adversarial: readonly string[]
  readonly difference: readonly string[]
}

export interface ContactSheet {
  /** [N·C·H·W] in [0, 1], C of 1 (grey) or 3 */
  readonly natural: Float32Array
  readonly adversarial: Float32Array
  readonly shape: readonly [channels: number, height: number, width: number]
  /** One an image. Lines that are too long are cut. Default: none. */
  readonly captions?: readonly Caption[]
}

const columns = 8
/** Least pixels across an image on the sheet; smaller ones are magnified by a whole number. */
const leastWidth = 64
/** The same where there are captions: sixteen letters. */
const leastCaptionedWidth = 96
/** Between images. */
const gap = 4

/**
 * A PNG of rows of up to eight images; each stands over what it became, and that over the difference of the two: grey
 * where there is none, black and white where it is largest in that image.
 */
export function contactSheet({
  natural,
  adversarial,
  shape,
  captions = [],
}: ContactSheet): Uint8Array<ArrayBuffer> {
  const [channels, height, width] = shape
  const imageSize = channels * height * width
  const count = natural.length / imageSize
  const scale = Math.ceil((captions.length > 0 ? leastCaptionedWidth : leastWidth) / width)
  const [cellWidth, cellHeight] = [width * scale + gap, height * scale + gap]
  const lineCounts = (['natural', 'adversarial', 'difference'] as const).map(part =>
    captions.reduce((most, caption) => Math.max(most, caption[part].length), 0),
  )
  const textHeight = lineCounts.reduce((sum, lines) => sum + lines * lineAdvance, 0)
  const groupHeight = 3 * cellHeight + textHeight + gap
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
  const write = (lines: readonly string[], left: number, top: number) => {
    for (const [l, line] of lines.entries()) {
      drawText(fitText(line, Math.floor(cellWidth / letterAdvance)), (x, y) => {
        const pixel = (top + l * lineAdvance + y) * sheetWidth + left + x
        data.fill(0, 3 * pixel, 3 * pixel + 3)
      })
    }
  }
  for (let n = 0; n < count; n++) {
    const [before, after] = [natural, adversarial].map(of => of.subarray(n * imageSize, (n + 1) * imageSize))
    const left = gap + (n % columns) * cellWidth
    let top = gap + Math.floor(n / columns) * groupHeight
    const caption = captions[n]
    const parts = [
      [before, caption?.natural],
      [after, caption?.adversarial],
      [difference(before, after), caption?.difference],
    ] as const
    for (const [i, [values, lines = []]] of parts.entries()) {
      draw(values, left, top)
      write(lines, left, top + cellHeight - 1)
      top += cellHeight + lineCounts[i] * lineAdvance
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
