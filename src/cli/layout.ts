// Laying out what a command prints to the width of where it is printed.

/** Between the cells of a table's row, until it is laid out. */
const separator = '\u001f'
/** Between a label and what it labels. */
const labelMark = '\u001e'
const gap = '   '

/** Rows of a table, which `layOut` gives their columns: the first flush left, the others flush right. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  return rows.map(row => row.join(separator))
}

/**
 * Labels and what they label, which `layOut` puts into two columns, the second one broken under itself, or under the
 * first where a word of it is too long.
 */
export function formatList(rows: readonly (readonly string[])[], indent = ''): string[] {
  return rows.map(([label, text]) => `${indent}${label}${labelMark}${text}`)
}

/**
 * Lines of at most `width` characters where that can be: tables wider than `tableWidth` are folded, their first column
 * repeated; other lines are broken at spaces, never within a word.
 */
export function layOut(lines: readonly string[], width: number, tableWidth = width): string[] {
  const laidOut: string[] = []
  for (let i = 0; i < lines.length; ) {
    const mark = [separator, labelMark].find(one => lines[i].includes(one))
    if (mark === undefined) {
      laidOut.push(...wrap(lines[i++], width))
      continue
    }
    const rows: string[][] = []
    while (i < lines.length && lines[i].includes(mark)) rows.push(lines[i++].split(mark))
    laidOut.push(...(mark === separator ? layOutTable(rows, tableWidth) : layOutList(rows, width)))
  }
  return laidOut
}

function layOutList(rows: readonly (readonly string[])[], width: number): string[] {
  const labels = Math.max(...rows.map(([label]) => label.length))
  const second = ' '.repeat(labels + gap.length)
  return rows.flatMap(([label, text]) => {
    const lines = wrap(text, width - second.length)
    if (lines.some(line => second.length + line.length > width)) {
      const indent = `${/^ */.exec(label)![0]}  `
      return [label, ...wrap(`${indent}${text}`, width)]
    }
    const [first, ...rest] = lines.map(line => `${second}${line}`)
    return [`${label.padEnd(second.length)}${first.slice(second.length)}`, ...rest]
  })
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
