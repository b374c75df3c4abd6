// "Did you mean …?" for names that are not known.

/**
 * The name in `known` that `name` was most likely meant to be: one that is close (edit distance ≤ a third of its length),
 * or else the shortest that contains it.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least && distance <= Math.max(1, candidate.length / 3)) {
      least = distance
      nearest = candidate
    }
  }
  return nearest ?? shortestWith(name, known)
}

/** Least length of a part by which a name is known. */
const leastPart = 3

function shortestWith(part: string, known: readonly string[]): string | undefined {
  const bare = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  if (bare(part).length < leastPart) return undefined
  return known.filter(name => bare(name).includes(bare(part))).sort((a, b) => a.length - b.length)[0]
}

/** ": did you mean X?", or nothing when no known name is close. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : `: did you mean ${nearest}?`
}

/** Insertions, deletions, replacements and swaps of neighbours between `a` and `b`. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : replaced
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced, swapped)
    }
  }
  return rows[a.length][b.length]
}
