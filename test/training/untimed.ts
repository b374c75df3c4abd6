// metrics.jsonl without what no two runs have in common.

/** The lines of metrics.jsonl, without times. */
export function untimed(metrics: string): object[] {
  const lines = metrics.trimEnd().split('\n')
  return lines.map(line => {
    const { seconds, imagesPerSecond, ...record } = JSON.parse(line)
    return record
  })
}

/** Records as lines of JSON have them. */
export function asLines(records: readonly object[]): object[] {
  return records.map(record => JSON.parse(JSON.stringify(record)))
}
