// What a series of repetitions comes to.

/** @throws RangeError for an empty series */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('Expected at least one value for a median.')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** How many times faster we are, from runs in turn: the peer's seconds over ours, round by round. */
export function speedup(
  ours: readonly number[],
  peer: readonly number[],
): { median: number; low: number; high: number } {
  if (ours.length !== peer.length) {
    throw new RangeError(
      `Expected as many rounds of the peer as of ours but received ${peer.length} and ${ours.length}.`,
    )
  }
  const ratios = ours.map((seconds, round) => peer[round]! / seconds)
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) }
}
