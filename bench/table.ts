// Aligned tables for a terminal.
import type { BenchRow } from './row.ts'

/** Columns as wide as their widest cell, two spaces apart; numbers, the columns named in `right`, end together. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const widths = header.map((title, i) =>
    Math.max(...[title, ...rows.map(row => row[i] ?? '')].map(cellWidth)),
  )
  const line = (cells: readonly string[]) =>
    header
      .map((title, i) => {
        const cell = cells[i] ?? ''
        const space = ' '.repeat(widths[i]! - cellWidth(cell))
        return right.includes(title) ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  return [line(header), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** Characters, a pair of surrogates counting once. */
const cellWidth = (cell: string) => [...cell].length

/** Three significant digits: '1.23 s', '45.6 ms', '789 µs'. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 1) return `${digits(seconds)} s`
  return seconds >= 1e-3 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds * 1e6)} µs`
}

const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))
const spread = ({ seconds }: BenchRow) =>
  seconds.length ? `${formatSeconds(Math.min(...seconds))} – ${formatSeconds(Math.max(...seconds))}` : ''
const formatMedian = ({ median }: BenchRow) => (median === null ? 'missing' : formatSeconds(median))
const mebibytes = (bytes: number | undefined) =>
  bytes === undefined ? '' : `${Math.round(bytes / 2 ** 20)} MiB`

interface Column {
  title: string
  cell(row: BenchRow): string
  right?: boolean
}

const columns: readonly Column[] = [
  { title: 'work', cell: row => row.work },
  { title: 'layer', cell: row => row.layer ?? '' },
  { title: 'batch', cell: row => `${row.batch}`, right: true },
  { title: 'ratio', cell: row => `${row.ratio}`, right: true },
  { title: 'implementation', cell: row => row.implementation },
  { title: 'median', cell: formatMedian, right: true },
  { title: 'min – max', cell: spread, right: true },
  { title: 'GFLOP/s', cell: row => row.gflops?.toFixed(0) ?? '', right: true },
  {
    title: 'compiling',
    cell: ({ compileShare }) => (compileShare === undefined ? '' : `${(100 * compileShare).toFixed(2)} %`),
    right: true,
  },
  { title: 'tensors peak', cell: row => mebibytes(row.peakBytes?.device), right: true },
  { title: 'process peak', cell: row => mebibytes(row.peakBytes?.process), right: true },
  { title: 'faster than', cell: row => row.peer ?? '' },
  { title: 'times', cell: row => row.speedup?.median.toFixed(2) ?? '', right: true },
  {
    title: '(min – max)',
    cell: ({ speedup }) => (speedup ? `${speedup.low.toFixed(2)} – ${speedup.high.toFixed(2)}` : ''),
    right: true,
  },
]

/** The rows of one group, without columns that are empty throughout, then the reasons of what is missing. */
export function rowTable(rows: readonly BenchRow[]): string {
  const filled = columns.filter(({ cell }) => rows.some(row => cell(row) !== ''))
  const right = filled.filter(column => column.right).map(column => column.title)
  const cells = rows.map(row => filled.map(column => column.cell(row)))
  const reasons = rows
    .filter(row => row.missing)
    .map(row => `Missing: ${row.implementation}, ${row.work} at batch ${row.batch}: ${row.missing}`)
  return [
    formatTable(
      filled.map(column => column.title),
      cells,
      right,
    ),
    ...reasons,
  ].join('\n')
}
