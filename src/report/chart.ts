// Line and bar charts as SVG groups with their top left corner at the origin.
import { linearAxis, logAxis } from './axis.ts'
import { element, text } from './svg.ts'

export interface Panel {
  width: number
  height: number
  markup: string
}

export interface Series {
  name: string
  points: readonly (readonly [x: number, y: number])[]
}

export interface LineChart {
  title: string
  /** With units. */
  xLabel: string
  yLabel: string
  series: readonly Series[]
}

export interface Bar {
  label: string
  value: number
  low: number
  high: number
  ours: boolean
}

export interface BarChart {
  title: string
  xLabel: string
  /** Logarithmic, for values that differ by orders of magnitude; else from 0. */
  log: boolean
  /** A bar's value as text. */
  format(value: number): string
  bars: readonly Bar[]
}

/** Told apart without red and green (Okabe and Ito). */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
const grid = '#dddddd'
const small = { 'font-size': 11 }
const heading = { 'font-size': 14, 'font-weight': 'bold' }

/** Both axes logarithmic, the legend to the right. */
export function lineChart({ title, xLabel, yLabel, series }: LineChart): Panel {
  const [width, height] = [680, 340]
  const [left, right, top, bottom] = [64, 460, 36, height - 52]
  const points = series.flatMap(one => one.points)
  const x = logAxis({ values: points.map(([value]) => value), from: left, to: right })
  const y = logAxis({ values: points.map(([, value]) => value), from: bottom, to: top })
  const markup = [
    text(left, 20, title, heading),
    ...x.ticks.map(({ value, label }) => {
      const at = x.at(value)
      return (
        element('line', { x1: at, x2: at, y1: top, y2: bottom, stroke: grid }) +
        text(at, bottom + 16, label, { anchor: 'middle', ...small })
      )
    }),
    ...y.ticks.map(({ value, label }) => {
      const at = y.at(value)
      return (
        element('line', { x1: left, x2: right, y1: at, y2: at, stroke: grid }) +
        text(left - 6, at + 4, label, { anchor: 'end', ...small })
      )
    }),
    text((left + right) / 2, height - 14, xLabel, { anchor: 'middle', ...small }),
    text(0, 0, yLabel, {
      anchor: 'middle',
      ...small,
      transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`,
    }),
    ...series.map(({ name, points }, i) => {
      const color = palette[i % palette.length]!
      const line = {
        stroke: color,
        'stroke-width': 2,
        'stroke-dasharray': i < palette.length ? 'none' : '5 3',
      }
      const path = points.map(([px, py]) => `${x.at(px).toFixed(1)},${y.at(py).toFixed(1)}`).join(' ')
      const legend = top + 8 + 20 * i
      return [
        element('polyline', { points: path, fill: 'none', ...line }),
        ...points.map(([px, py]) => element('circle', { cx: x.at(px), cy: y.at(py), r: 3, fill: color })),
        element('line', { x1: right + 16, x2: right + 40, y1: legend, y2: legend, ...line }),
        text(right + 46, legend + 4, name, small),
      ].join('')
    }),
  ]
  return { width, height, markup: markup.join('') }
}

/** Horizontal bars with their values, and a whisker from the lowest to the highest repetition. */
export function barChart({ title, xLabel, log, format, bars }: BarChart): Panel {
  const [barHeight, gap] = [18, 6]
  const [width, height] = [680, 80 + bars.length * (barHeight + gap)]
  const [left, right, top, bottom] = [190, 560, 36, height - 42]
  const values = bars.flatMap(({ low, high }) => [low, high])
  const x = (log ? logAxis : linearAxis)({ values, from: left, to: right })
  const markup = [
    text(left, 20, title, heading),
    ...x.ticks.map(({ value, label }) => {
      const at = x.at(value)
      return (
        element('line', { x1: at, x2: at, y1: top, y2: bottom, stroke: grid }) +
        text(at, bottom + 16, label, { anchor: 'middle', ...small })
      )
    }),
    ...bars.map(({ label, value, low, high, ours }, i) => {
      const y = top + gap / 2 + i * (barHeight + gap)
      const middle = y + barHeight / 2
      const fill = ours ? palette[0]! : '#aaaaaa'
      return [
        text(left - 6, middle + 4, label, { anchor: 'end', ...small }),
        element('rect', { x: left, y, width: Math.max(1, x.at(value) - left), height: barHeight, fill }),
        element('line', { x1: x.at(low), x2: x.at(high), y1: middle, y2: middle, stroke: '#000000' }),
        text(x.at(high) + 6, middle + 4, format(value), small),
      ].join('')
    }),
    text((left + right) / 2, height - 8, xLabel, { anchor: 'middle', ...small }),
  ]
  return { width, height, markup: markup.join('') }
}

/** Panels below one another in two columns, as a document. */
export function figure(panels: readonly Panel[]): string {
  const heights = [0, 0]
  const columnWidth = Math.max(0, ...panels.map(panel => panel.width)) + 20
  const placed = panels.map(({ height, markup }) => {
    const column = heights[0]! <= heights[1]! ? 0 : 1
    const transform = `translate(${10 + column * columnWidth} ${10 + heights[column]!})`
    heights[column]! += height + 20
    return element('g', { transform }, markup)
  })
  const [width, height] = [columnWidth * Math.min(2, panels.length), Math.max(...heights)]
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': 'sans-serif',
    },
    element('rect', { width, height, fill: '#ffffff' }),
    ...placed,
  )
}
