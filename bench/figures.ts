// The rows as charts.
import { type Bar, barChart, figure, lineChart, type Panel, type Series } from '../src/report/chart.ts'
import { type BenchRow, ours } from './row.ts'
import { median } from './statistics.ts'
import { formatSeconds } from './table.ts'

const ratioLabel = 'remaining ratio'

/** One document for all groups that were measured. */
export function figures(rows: readonly BenchRow[]): string {
  const measured = rows.filter(row => row.median !== null)
  const of = (group: BenchRow['group']) => measured.filter(row => row.group === group)
  return figure([
    ...stepPanels(of('steps')),
    ...layerPanels(of('layers')),
    ...inferencePanels(of('inference')),
    ...peerPanels(of('peers')),
  ])
}

function stepPanels(rows: readonly BenchRow[]): Panel[] {
  if (rows.length === 0) return []
  return [
    lineChart({
      title: `Steps of ${rows[0]!.arch}, batch ${rows[0]!.batch}`,
      xLabel: ratioLabel,
      yLabel: 'seconds',
      series: seriesBy(rows, row => row.work, seconds),
    }),
  ]
}

function inferencePanels(rows: readonly BenchRow[]): Panel[] {
  if (rows.length === 0) return []
  return [
    lineChart({
      title: `Forward pass of ${rows[0]!.arch}`,
      xLabel: ratioLabel,
      yLabel: 'milliseconds',
      series: seriesBy(rows, row => `batch ${row.batch}`, milliseconds),
    }),
  ]
}

/** Dense-equivalent speed, or the time of compiling, against the ratio; the weight gradient has one ratio only. */
function layerPanels(rows: readonly BenchRow[]): Panel[] {
  const panels: Panel[] = []
  for (const [work, group] of groupBy(rows, row => row.work)) {
    const title = `Convolutions: ${work.replace('-', ' ')}`
    const yLabel = 'dense-equivalent GFLOP/s'
    if (work === 'weight-gradient') {
      const bars = group.map(row => {
        const speeds = row.seconds.map(value => (row.gflops! * row.median!) / value)
        return bar(row.layer!, speeds, true)
      })
      panels.push(barChart({ title, xLabel: yLabel, log: false, format: value => value.toFixed(0), bars }))
    } else if (work === 'weight-compile') {
      const series = seriesBy(group, row => row.layer!, milliseconds)
      panels.push(lineChart({ title, xLabel: ratioLabel, yLabel: 'milliseconds', series }))
    } else {
      const series = seriesBy(
        group,
        row => row.layer!,
        row => row.gflops!,
      )
      panels.push(lineChart({ title, xLabel: ratioLabel, yLabel, series }))
    }
  }
  return panels
}

/** A panel for each work and batch: peers, and ours at each ratio over all rounds. */
function peerPanels(rows: readonly BenchRow[]): Panel[] {
  return [...groupBy(rows, row => `${row.work}, batch ${row.batch}`)].map(([title, group]) => {
    const bars = [...groupBy(group, barLabel)].map(([label, same]) =>
      bar(
        label,
        same.flatMap(row => row.seconds),
        same[0]!.implementation === ours,
      ),
    )
    bars.sort((a, b) => b.value - a.value)
    return barChart({ title, xLabel: 'seconds, logarithmic', log: true, format: formatSeconds, bars })
  })
}

const barLabel = (row: BenchRow) =>
  row.implementation === ours ? `${ours}, ratio ${row.ratio}` : row.implementation

function bar(label: string, values: readonly number[], isOurs: boolean): Bar {
  return { label, value: median(values), low: Math.min(...values), high: Math.max(...values), ours: isOurs }
}

function seriesBy(
  rows: readonly BenchRow[],
  name: (row: BenchRow) => string,
  y: (row: BenchRow) => number,
): Series[] {
  return [...groupBy(rows, name)].map(([key, group]) => ({
    name: key,
    points: group.map(row => [row.ratio, y(row)] as const).sort((a, b) => a[0] - b[0]),
  }))
}

const seconds = (row: BenchRow) => row.median!
const milliseconds = (row: BenchRow) => 1000 * row.median!

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
