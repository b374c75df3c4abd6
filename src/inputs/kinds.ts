// What an option may be: one row an option, from which its check and its sentence come.

/** What JSON can say of a value: a JSON Schema. */
export interface JsonSchema {
  /** Which of JSON's types. */
  readonly type?: 'integer' | 'number' | 'string' | 'boolean' | 'null' | 'array' | 'object'
  /** One sentence. */
  readonly description?: string
  /** The value where none is given. */
  readonly default?: unknown
  /** The texts that are allowed. */
  readonly enum?: readonly string[]
  /** The least number allowed. */
  readonly minimum?: number
  /** The number that must be exceeded. */
  readonly exclusiveMinimum?: number
  /** The largest number allowed. */
  readonly maximum?: number
  /** The number that must not be reached. */
  readonly exclusiveMaximum?: number
  /** Of a text, characters. */
  readonly minLength?: number
  /** What each item of an array must be. */
  readonly items?: JsonSchema
  /** What each field of an object must be. */
  readonly properties?: Readonly<Record<string, JsonSchema>>
  /** The fields that must be there. */
  readonly required?: readonly string[]
  /** False: no other fields are allowed. */
  readonly additionalProperties?: false
  /** The schemas of which one must fit. */
  readonly anyOf?: readonly JsonSchema[]
}

/** What values an option takes. */
export interface Kind<T = unknown> {
  /** Completes "Expected … for <option>". */
  readonly expected: string
  /** Whether a value is of this kind. */
  readonly accepts: (value: unknown) => boolean
  /** Whether the option must be given. */
  readonly required?: boolean
  /** What to do about a wrong value, where there is something to say. */
  readonly hint?: (value: unknown) => string | undefined
  /** Its range for JSON and for the command line; absent where neither has such values: functions, models, devices. */
  readonly schema?: JsonSchema
  /** Of sizes in pixels of [0, 1], which the command line also takes as 8/255. */
  readonly unit?: 'pixels'
  /** Never there: it tells the compiler the type. */
  readonly type?: T
}

export const required = <K extends Kind>(kind: K): K & { readonly required: true } => ({
  ...kind,
  required: true,
})

/** The kind, or null. */
export const orNull = <T>(kind: Kind<T>): Kind<T | null> => ({
  expected: `${kind.expected} or null`,
  accepts: value => value === null || kind.accepts(value),
  ...(kind.hint && { hint: kind.hint }),
  ...(kind.schema && { schema: { anyOf: [kind.schema, { type: 'null' }] } }),
})

/** A whole number from `low` to `high`. */
export function count(low = 1, high = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    expected:
      high === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${low}`
        : `a whole number from ${low} to ${high}`,
    accepts: value => Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high,
    schema: { type: 'integer', minimum: low, maximum: high },
  }
}

/** Of every random draw: 53 bits. */
export const seed: Kind<number> = { ...count(0), expected: 'a whole number from 0 to 2^53 − 1' }

/** A finite number from `low` to `high`, both included; with `above`, more than `low`. */
export function number(low: number, high = Number.POSITIVE_INFINITY, { above = false } = {}): Kind<number> {
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
    schema: {
      type: 'number',
      ...(above ? { exclusiveMinimum: low } : { minimum: low }),
      ...(high < Number.POSITIVE_INFINITY && { maximum: high }),
    },
  }
}

/** Any number: what it may be is for others to judge. */
export const anyNumber: Kind<number> = {
  expected: 'a number',
  accepts: value => typeof value === 'number',
}

/** A shape, or a value for each channel. What they may be is for others to judge. */
export const numbers: Kind<number[]> = {
  expected: 'an array of numbers',
  accepts: value => Array.isArray(value) && value.every(item => typeof item === 'number'),
}

export const flag: Kind<boolean> = {
  expected: 'true or false',
  accepts: value => typeof value === 'boolean',
  schema: { type: 'boolean' },
}

export const text: Kind<string> = {
  expected: 'a text',
  accepts: value => typeof value === 'string' && value !== '',
  schema: { type: 'string', minLength: 1 },
}

/** The path of a file or folder. */
export const path: Kind<string> = {
  expected: 'a path',
  accepts: value => typeof value === 'string' && value !== '' && !value.includes('\0'),
  schema: { type: 'string', minLength: 1 },
}

export function oneOf<const T extends string>(allowed: readonly T[]): Kind<T> {
  return {
    expected: `one of ${allowed.join(', ')}`,
    accepts: value => (allowed as readonly unknown[]).includes(value),
    schema: { type: 'string', enum: allowed },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever arguments
export const callback: Kind<(...args: any[]) => unknown> = {
  expected: 'a function',
  accepts: value => typeof value === 'function',
}

export const abortSignal: Kind<AbortSignal> = {
  expected: 'an AbortSignal',
  accepts: value =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as AbortSignal).aborted === 'boolean' &&
    typeof (value as AbortSignal).addEventListener === 'function',
}

/** Values that only their own module can judge. */
export const kind = <T = unknown>(expected: string, accepts: (value: unknown) => boolean): Kind<T> => ({
  expected,
  accepts,
})
