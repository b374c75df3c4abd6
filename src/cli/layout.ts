// Laying out what a command prints to the width of where it is printed.

/** Between the cells of a table's row, until it is laid out. */
const separator = '\u001f'
const gap = '   '

/** Rows of a table, which `layOut` gives their columns: the first flush left, the others flush right. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  return rows.map(row => row.join(separator))
}

/**
 * Lines of at most `width` characters where that can be: tables wider than `tableWidth` are folded, their first column
 * repeated; other lines are broken at spaces, never within a word.
 */
export function layOut(lines: readonly string[], width: number, tableWidth = width): string[] {
  const laidOut: string[] = []
  for (let i = 0; i < lines.length; ) {
    if (!lines[i].includes(separator)) {
      laidOut.push(...wrap(lines[i++], width))
      continue
    }
    const rows: string[][] = []
    while (i < lines.length && lines[i].includes(separator)) rows.push(lines[i++].split(separator))
    laidOut.push(...layOutTable(rows, tableWidth))
  }
  return laidOut
}

function layOutTable(rows: readonly (readonly string[])[], width: number): string[] {
  const columns = Math.max(...rows.map(row => row.length))
  const widths = Array.from({ length: columns }, (_, c) => Math.max(...rows.map(row => row[c]?.length ?? 0)))
  const blocks: number[][] = [[]]
  let used = widths[0]
  for (let c = 1; c < columns; c++) {
    if (blocks.at(-1)!.length > 0 && used + gap.length + widths[c] > width) {
      blocks.push([])
      used = widths[0]
    }
    blocks.at(-1)!.push(c)
    used += gap.length + widths[c]
  }
  return blocks.flatMap((block, i) => [
    ...(i === 0 ? [] : ['']),
    ...rows
      .filter((row, r) => i === 0 || r === 0 || block.some(c => row[c]))
      .map(row =>
        [row[0].padEnd(widths[0]), ...block.map(c => (row[c] ?? '').padStart(widths[c]))].join(gap).trimEnd(),
      ),
  ])
}

function wrap(line: string, width: number): string[] {
  if (line.length <= width) return [line]
  const indent = /^ */.exec(line)![0]
  const lines: string[] = []
  let rest = line
  while (rest.length > width) {
    let at = rest.lastIndexOf(' ', width)
    if (at <= indent.length) at = rest.indexOf(' ', Math.max(width, indent.length))
    if (at < 0) break
    lines.push(rest.slice(0, at).trimEnd())
    rest = indent + rest.slice(at).trimStart()
  }
  return [...lines, rest]
}
