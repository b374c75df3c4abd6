// What one mask entry covers (paper, Sec. 3 and Appendix on structured masks).
import { count, number, numbers, oneOf, required } from '../inputs/kinds.ts'
import { checkOption } from '../inputs/options.ts'

/** Granularity of a mask over weights [K, C, R, S]: each weight, kernel row, kernel, or output channel. */
export type Pattern = 'element' | 'row' | 'kernel' | 'channel'

/** All of them, the finest first. */
export const patterns: readonly Pattern[] = ['element', 'row', 'kernel', 'channel']

const ranks = { element: 4, row: 3, kernel: 2, channel: 1 } as const

const shapeRow = required(numbers)
const patternRow = required(oneOf(patterns))
const countRow = required(count(0))
const ratioRow = required(number(0, 1, { above: true }))

/**
 * The shape of scores and mask: the leading dimensions of the weight's.
 * @param weightShape [K, C / groups, R, S]
 * @param pattern what one entry covers
 * @throws ConfigError
 * @example
 * import { nn } from 'rst-native'
 * console.log(nn.maskShape([64, 3, 3, 3], 'kernel')) // → [64, 3]
 */
export function maskShape(weightShape: readonly number[], pattern: Pattern): number[] {
  checkOption('weightShape', weightShape, shapeRow, 'maskShape')
  checkOption('pattern', pattern, patternRow, 'maskShape')
  return weightShape.slice(0, ranks[pattern])
}

/**
 * Mask entries that are kept of n: max(1, round(remainingRatio · n)).
 * @param n entries in all
 * @param remainingRatio in (0, 1]
 * @throws ConfigError
 * @example
 * import { nn } from 'rst-native'
 * console.log(nn.keepCount(1728, 0.05)) // → 86
 */
export function keepCount(n: number, remainingRatio: number): number {
  checkOption('n', n, countRow, 'keepCount')
  checkOption('remainingRatio', remainingRatio, ratioRow, 'keepCount')
  return Math.max(1, Math.round(remainingRatio * n))
}
