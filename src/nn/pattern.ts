// What one mask entry covers (paper, Sec. 3 and Appendix on structured masks).
import { count, number, numbers, oneOf, required } from '../inputs/kinds.ts'
import { checkOption } from '../inputs/options.ts'

/** Granularity of a mask over weights [K, C, R, S]: each weight, kernel row, kernel, or output channel. */
export type Pattern = 'element' | 'row' | 'kernel' | 'channel'

export const patterns: readonly Pattern[] = ['element', 'row', 'kernel', 'channel']

const ranks = { element: 4, row: 3, kernel: 2, channel: 1 } as const

const shapeRow = required(numbers)
const patternRow = required(oneOf(patterns))
const countRow = required(count(0))
const ratioRow = required(number(0, 1, { above: true }))

/** Shape of scores and mask: the leading dimensions of the weight's. @throws ConfigError */
export function maskShape(weightShape: readonly number[], pattern: Pattern): number[] {
  checkOption('weightShape', weightShape, shapeRow, 'maskShape')
  checkOption('pattern', pattern, patternRow, 'maskShape')
  return weightShape.slice(0, ranks[pattern])
}

/** Mask entries kept of n at a remaining ratio in (0, 1]: max(1, round(ratio · n)). @throws ConfigError */
export function keepCount(n: number, remainingRatio: number): number {
  checkOption('n', n, countRow, 'keepCount')
  checkOption('remainingRatio', remainingRatio, ratioRow, 'keepCount')
  return Math.max(1, Math.round(remainingRatio * n))
}
