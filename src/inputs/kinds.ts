// What an option may be: one row an option, from which its check and its sentence come.

/** What values an option takes. */
export interface Kind {
  /** Completes "Expected … for <option>". */
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  /** Whether the option must be given. */
  readonly required?: boolean
  /** What to do about a wrong value, where there is something to say. */
  readonly hint?: (value: unknown) => string | undefined
}

export const required = (kind: Kind): Kind => ({ ...kind, required: true })

/** The kind, or null. */
export const orNull = (kind: Kind): Kind => ({
  ...kind,
  expected: `${kind.expected} or null`,
  accepts: value => value === null || kind.accepts(value),
})

/** A whole number from `low` to `high`. */
export function count(low = 1, high = Number.MAX_SAFE_INTEGER): Kind {
  return {
    expected:
      high === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${low}`
        : `a whole number from ${low} to ${high}`,
    accepts: value => Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high,
  }
}

/** Of every random draw: 53 bits. */
export const seed: Kind = {
  expected: 'a whole number from 0 to 2^53 − 1',
  accepts: value => Number.isSafeInteger(value) && (value as number) >= 0,
}

/** A finite number from `low` to `high`, both included; with `above`, more than `low`. */
export function number(low: number, high = Number.POSITIVE_INFINITY, { above = false } = {}): Kind {
  const from = above
    ? `a number above ${low}`
    : high === Number.POSITIVE_INFINITY
      ? `a number of at least ${low}`
      : `a number from ${low}`
  const to = high === Number.POSITIVE_INFINITY ? '' : above ? ` and up to ${high}` : ` to ${high}`
  return {
    expected: `${from}${to}`,
    accepts: value =>
      Number.isFinite(value) &&
      (above ? (value as number) > low : (value as number) >= low) &&
      (value as number) <= high,
  }
}

/** Any number: what it may be is for others to judge. */
export const anyNumber: Kind = {
  expected: 'a number',
  accepts: value => typeof value === 'number',
}

/** A shape, or a value for each channel. What they may be is for others to judge. */
export const numbers: Kind = {
  expected: 'an array of numbers',
  accepts: value => Array.isArray(value) && value.every(item => typeof item === 'number'),
}

export const flag: Kind = {
  expected: 'true or false',
  accepts: value => typeof value === 'boolean',
}

export const text: Kind = {
  expected: 'a text',
  accepts: value => typeof value === 'string' && value !== '',
}

/** The path of a file or folder. */
export const path: Kind = {
  expected: 'a path',
  accepts: value => typeof value === 'string' && value !== '' && !value.includes('\0'),
}

export function oneOf(allowed: readonly string[]): Kind & { readonly allowed: readonly string[] } {
  return {
    expected: `one of ${allowed.join(', ')}`,
    accepts: value => typeof value === 'string' && allowed.includes(value),
    allowed,
  }
}

export const callback: Kind = {
  expected: 'a function',
  accepts: value => typeof value === 'function',
}

export const abortSignal: Kind = {
  expected: 'an AbortSignal',
  accepts: value =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as AbortSignal).aborted === 'boolean' &&
    typeof (value as AbortSignal).addEventListener === 'function',
}

/** Values that only their own module can judge. */
export const kind = (expected: string, accepts: (value: unknown) => boolean): Kind => ({ expected, accepts })
