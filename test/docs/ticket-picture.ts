// The picture of the README: a random network times a mask is a ticket; what it withstands; several behind a switch.
import { Purpose, RandomStream } from '../../src/random/philox.ts'
import { element, text } from '../../src/report/svg.ts'

/** Shares in percent, natural and under attack. */
export interface Accuracies {
  readonly natural: number
  readonly robust: number
}

const side = 9
const cell = 15
const square = side * cell

/** Weights are ± a constant: these are the first that seed 0 draws. A mask keeps the largest scores, here random ones. */
const words = (purpose: Purpose) => {
  const stream = new RandomStream(0, purpose)
  return Array.from({ length: side * side }, (_, i) => stream.word(i))
}
const signs = words(Purpose.weight).map(word => word < 2 ** 31)
const ranks = words(Purpose.score)

/** The entries that a mask of this ratio keeps: smaller masks lie in larger ones, as here the scores are the same. */
const kept = (ratio: number) => {
  const least = [...ranks].sort((a, b) => b - a)[Math.round(ratio * ranks.length) - 1]
  return ranks.map(rank => rank >= least)
}

/** A grid of cells, each with the class that `of` says. */
function grid(x: number, y: number, size: number, of: (i: number) => string): string {
  const cells = signs.map((_, i) => {
    const [row, column] = [Math.floor(i / side), i % side]
    return element('rect', {
      class: of(i),
      x: x + column * size + 1,
      y: y + row * size + 1,
      width: size - 2,
      height: size - 2,
      rx: size / 6,
    })
  })
  return element('g', {}, ...cells)
}
const sign = (i: number) => (signs[i] ? 'plus' : 'minus')
const ticket = (ratio: number) => {
  const mask = kept(ratio)
  return (i: number) => (mask[i] ? sign(i) : 'none')
}

function bars(x: number, y: number, title: string, { natural, robust }: Accuracies): string {
  const bar = (line: number, name: string, share: number, kind: string) => [
    text(x, y + 16 + line * 22, name, { class: 'small' }),
    element('rect', { class: 'none', x: x + 62, y: y + 5 + line * 22, width: 140, height: 13, rx: 3 }),
    ...(share > 0
      ? [
          element('rect', {
            class: kind,
            x: x + 62,
            y: y + 5 + line * 22,
            width: 1.4 * share,
            height: 13,
            rx: 3,
          }),
        ]
      : []),
    text(x + 258, y + 16 + line * 22, `${share.toFixed(1)} %`, { anchor: 'end', class: 'small' }),
  ]
  return element(
    'g',
    {},
    text(x, y - 6, title, { class: 'label' }),
    ...bar(0, 'natural', natural, 'natural'),
    ...bar(1, 'attacked', robust, 'robust'),
  )
}

const style = `
svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
.page { fill: #fff; stroke: #d5d9e0 } .label { fill: #1f2328; font-size: 15px; font-weight: 600 }
.small { fill: #4a5159; font-size: 13px } .sign { fill: #4a5159; font-size: 30px } .line { stroke: #8a929c; fill: none }
.head { fill: #8a929c } .plus { fill: #3577b8 } .minus { fill: #d9822b } .none { fill: #eceef1 } .keep { fill: #4a5159 }
.natural { fill: #8fb3d6 } .robust { fill: #2c8a57 }
@media (prefers-color-scheme: dark) {
  .page { fill: #17191e; stroke: #343941 } .label { fill: #e8ebef } .small, .sign { fill: #b3bac3 }
  .none { fill: #2a2e35 } .keep { fill: #c3c9d1 } .plus { fill: #5c9bd8 } .minus { fill: #e79a4d }
  .natural { fill: #41688f } .robust { fill: #3fa571 }
}`

export function ticketPicture(found: Accuracies, random: Accuracies): string {
  const [width, height] = [640, 452]
  const columns = [28, 252, 476]
  const top = 62
  const column = (c: number, title: string, below: string, of: (i: number) => string) => [
    text(columns[c] + square / 2, top - 24, title, { anchor: 'middle', class: 'label' }),
    text(columns[c] + square / 2, top - 7, below, { anchor: 'middle', class: 'small' }),
    grid(columns[c], top, cell, of),
  ]
  const mask = kept(0.3)
  const tickets = [0.1, 0.2, 0.3, 0.5].map((ratio, t) => {
    const [x, y, size] = [340 + t * 66, 262, 6]
    const foot = y + side * size
    return [
      grid(x, y, size, ticket(ratio)),
      text(x + (side * size) / 2, foot + 16, `${100 * ratio} %`, { anchor: 'middle', class: 'small' }),
      element('path', {
        class: 'line',
        d: `M${x + (side * size) / 2} ${foot + 22} L466 ${foot + 60}`,
        ...(t === 2 ? { 'stroke-width': 3 } : { 'stroke-dasharray': '3 4' }),
      }),
    ].join('\n')
  })
  const parts = [
    element('style', {}, style),
    element('rect', { class: 'page', x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 10 }),
    ...column(0, 'A random network', 'a seed; never trained', sign),
    text(columns[0] + square + 45, top + 80, '×', { anchor: 'middle', class: 'sign' }),
    ...column(1, 'A mask', 'searched under attack', i => (mask[i] ? 'keep' : 'none')),
    text(columns[1] + square + 45, top + 80, '=', { anchor: 'middle', class: 'sign' }),
    ...column(2, 'A robust ticket', 'a seed and a bit a weight', ticket(0.3)),
    bars(28, 262, 'the ticket', found),
    bars(28, 345, 'a random mask', random),
    text(28, 418, 'Fashion-MNIST, 30 % of 139,808 weights;', { class: 'small' }),
    text(28, 436, 'attacked: PGD-20, L∞ 0.1', { class: 'small' }),
    text(466, 242, 'Several tickets of one network', { anchor: 'middle', class: 'label' }),
    ...tickets,
    element('circle', { class: 'head', cx: 466, cy: 380, r: 7 }),
    element('path', { class: 'line', d: 'M466 387 V402' }),
    text(466, 418, 'The random switch: each request is', { anchor: 'middle', class: 'small' }),
    text(466, 436, 'answered by a ticket drawn anew', { anchor: 'middle', class: 'small' }),
  ]
  const title =
    'A random network times a mask is a robust ticket; several tickets answer behind a random switch'
  return `${element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' },
    `\n${[element('title', {}, title), ...parts].join('\n')}\n`,
  )}\n`
}
