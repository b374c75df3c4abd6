// What one mask entry covers (paper, Sec. 3 and Appendix on structured masks).

/** Granularity of a mask over weights [K, C, R, S]: each weight, kernel row, kernel, or output channel. */
export type Pattern = 'element' | 'row' | 'kernel' | 'channel'

export const patterns: readonly Pattern[] = ['element', 'row', 'kernel', 'channel']

const ranks = { element: 4, row: 3, kernel: 2, channel: 1 } as const

/** Shape of scores and mask: the leading dimensions of the weight's. */
export function maskShape(weightShape: readonly number[], pattern: Pattern): number[] {
  return weightShape.slice(0, ranks[pattern])
}

/** Mask entries kept of n at a remaining ratio in (0, 1]: max(1, round(ratio · n)). */
export function keepCount(n: number, remainingRatio: number): number {
  return Math.max(1, Math.round(remainingRatio * n))
}
