// The one check of options objects: unknown, missing and out of range are refused by name.
import { ConfigError } from '../errors.ts'
import type { Kind } from './kinds.ts'
import { didYouMean } from './nearest-name.ts'

/** A row for every option of T. */
export type OptionRows<T> = { readonly [K in keyof Required<T>]: Kind }

/**
 * Values of undefined count as not given.
 * @param owner names whose options they are: 'pgd'
 * @throws ConfigError naming the first option that is unknown, missing or out of range
 */
export function checkOptions<T>(owner: string, given: unknown, rows: OptionRows<T>): asserts given is T {
  checkObject(owner, given)
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(rows, name)) continue
    const known = Object.keys(rows)
    throw new ConfigError(
      `${owner} has no option ${name}${didYouMean(name, known) || ` (known: ${known.join(', ')}).`}`,
      name,
    )
  }
  checkFields(owner, given, rows)
}

/**
 * As checkOptions, for an object that may have more than what is asked for.
 * @throws ConfigError
 */
export function checkFields<T>(owner: string, given: unknown, rows: OptionRows<T>): asserts given is T {
  checkObject(owner, given)
  for (const name in rows) {
    checkOption(name, (given as Record<string, unknown>)[name], rows[name] as Kind, owner)
  }
}

/** Neither arrays nor dates, maps and promises; by tag, since objects may come from another realm. */
const objectTags = new Set(['[object Object]', '[object Module]'])

function checkObject(owner: string, given: unknown): asserts given is object {
  if (typeof given === 'object' && given !== null && objectTags.has(Object.prototype.toString.call(given)))
    return
  throw new ConfigError(
    `Expected an object of options for ${owner} but received ${describeValue(given)}.`,
    'options',
  )
}

/**
 * One option by its row.
 * @param owner named where there is one
 * @throws ConfigError
 */
export function checkOption(name: string, value: unknown, row: Kind, owner?: string): void {
  if (value === undefined && !row.required) return
  if (value !== undefined && row.accepts(value)) return
  const of = owner === undefined ? '' : ` of ${owner}`
  const allowed = row.schema?.enum
  const hint =
    (typeof value === 'string' && allowed && didYouMean(value, allowed)) || row.hint?.(value) || '.'
  throw new ConfigError(
    `Expected ${row.expected} for ${name}${of} but received ${describeValue(value)}${hint}`,
    name,
  )
}

/** A value as an error names it. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  const length = (value as { length?: unknown }).length
  const name = Array.isArray(value) ? 'array' : (value.constructor?.name ?? 'object')
  const article = /^[aeioAEIO]/.test(name) ? 'an' : 'a'
  return name === 'Object'
    ? 'an object'
    : `${article} ${name}${typeof length === 'number' ? ` of ${length}` : ''}`
}
