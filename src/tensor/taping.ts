// Whether a body is being differentiated: what cannot be must refuse to run in one.

let depth = 0

/** Runs a body whose ops are recorded on a tape. */
export function whileTaping<T>(body: () => T): T {
  depth++
  try {
    return body()
  } finally {
    depth--
  }
}

export const isTaping = (): boolean => depth > 0
