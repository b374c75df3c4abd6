import { decode } from 'fast-png'
import { describe, expect, it } from 'vitest'
import { drawText } from '../../src/report/bitmap-font.ts'
import { type Caption, contactSheet } from '../../src/report/contact-sheet.ts'

/** The colour in the middle of cell (column, row), cells of `side` pixels with a gap of 4 and a further one a group. */
function colourAt(png: Uint8Array, side: number, column: number, row: number): number[] {
  const { data, width } = decode(png)
  const y = 4 + row * (side + 4) + Math.floor(row / 3) * 4 + side / 2
  const x = 4 + column * (side + 4) + side / 2
  return [...data.slice(3 * (y * width + x), 3 * (y * width + x) + 3)]
}

describe('a contact sheet', () => {
  it('shows each image over what it became and their difference, magnified', () => {
    const size = 3 * 16 * 16
    const plane = (r: number, g: number, b: number) =>
      Float32Array.from({ length: size }, (_, i) => [r, g, b][Math.floor(i / 256)])
    const png = contactSheet({
      natural: plane(0.2, 0.4, 0.6),
      adversarial: plane(0.3, 0.4, 0.55),
      shape: [3, 16, 16],
    })
    expect(colourAt(png, 64, 0, 0)).toEqual([51, 102, 153])
    expect(colourAt(png, 64, 0, 1)).toEqual([77, 102, 140])
    // Half a scale up, none, and half of that down.
    expect(colourAt(png, 64, 0, 2)).toEqual([255, 128, 64])
  })

  it('has eight images a row, grey ones in all three colours', () => {
    const count = 10
    const natural = Float32Array.from({ length: count * 64 * 64 }, (_, i) => Math.floor(i / 4096) / 10)
    const png = contactSheet({ natural, adversarial: natural, shape: [1, 64, 64] })
    const { width, height } = decode(png)
    expect([width, height]).toEqual([8 * 68 + 4, 2 * (3 * 68 + 4) + 4])
    expect(colourAt(png, 64, 7, 0)).toEqual([178, 178, 178])
    expect(colourAt(png, 64, 1, 4)).toEqual([229, 229, 229])
    expect(colourAt(png, 64, 1, 5)).toEqual([128, 128, 128])
    expect(colourAt(png, 64, 2, 3)).toEqual([255, 255, 255])
  })

  it('has lines of text under each of the three, cut to the width of an image', () => {
    const size = 32 * 32
    const natural = new Float32Array(size).fill(1)
    const sheet = (captions?: Caption[]) =>
      decode(contactSheet({ natural, adversarial: natural, shape: [1, 32, 32], captions }))
    const plain = sheet()
    const lines = { natural: ['#7 cat', 'I'], adversarial: [`dog${'g'.repeat(40)}`], difference: ['L2 0.5'] }
    const captioned = sheet([lines])
    expect(captioned.width).toBe(96 + 8)
    expect(captioned.height).toBe(3 * (96 + 4) + 4 * 9 + 8)
    expect(captioned.height).toBeGreaterThan(plain.height)
    // All images and differences are white or grey here, so black is text.
    const blackRows = (from: number, to: number) => {
      const rows: string[] = []
      for (let y = from; y < to; y++) {
        const row = Array.from({ length: 8 }, (_, x) => captioned.data[3 * (y * captioned.width + 4 + x)])
        rows.push(row.map(value => (value === 0 ? '#' : '.')).join(''))
      }
      return rows
    }
    expect(blackRows(4 + 96 + 3 + 9, 4 + 96 + 3 + 16)).toEqual([
      '.###....',
      '..#.....',
      '..#.....',
      '..#.....',
      '..#.....',
      '..#.....',
      '.###....',
    ])
    const right = Array.from(
      { length: captioned.height },
      (_, y) => captioned.data[3 * ((y + 1) * captioned.width - 1)],
    )
    expect(right.includes(0)).toBe(false)
    expect(sheet([{ natural: [], adversarial: [], difference: [] }]).height).toBe(3 * (96 + 4) + 8)
  })

  it('draws letters that the font lacks as question marks', () => {
    const pixels = (text: string) => {
      const found: string[] = []
      drawText(text, (x, y) => found.push(`${x},${y}`))
      return found
    }
    expect(pixels('猫')).toEqual(pixels('?'))
    expect(pixels(' ')).toEqual([])
    const letters = Array.from({ length: 94 }, (_, i) => pixels(String.fromCharCode(0x21 + i)).join())
    expect(new Set([...letters, pixels('∞').join(), pixels('→').join(), pixels('…').join()]).size).toBe(97)
  })

  it('of no images is a picture all the same', () => {
    const none = new Float32Array(0)
    expect(
      decode(contactSheet({ natural: none, adversarial: none, shape: [1, 28, 28] })).width,
    ).toBeGreaterThan(0)
  })
})
