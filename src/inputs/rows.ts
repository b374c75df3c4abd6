// One table of options an attack, adversary or training: a row has kind, default and one sentence. Types, checks,
// defaults, flags, help, documentation and JSON schemas are read from it.
import type { Kind } from './kinds.ts'
import { checkOptions } from './options.ts'

/**
 * A default that depends on the other options, whose own defaults are filled in before. The rows of attacks hold
 * such.
 * @example
 * import { attacks } from 'rst-native'
 * const { default: byRule } = attacks.pgd.row.options.stepSize
 * if (typeof byRule === 'object' && byRule !== null && 'text' in byRule) {
 *   console.log(byRule.text) // → eps/4 (in l2 2.5·eps/steps)
 * }
 */
export class Computed<T> {
  /** The rule as it is printed: 'eps/4'. */
  readonly text: string
  /** The value, from the other options. */
  readonly of: (others: never) => T

  /**
   * @param text the rule as it is printed
   * @param of the rule, from the other options
   */
  constructor(text: string, of: (others: never) => T) {
    this.text = text
    this.of = of
  }
}

/** What documentation and the command line say of an option. */
export interface RowText {
  /** What the option is: a sentence without its full stop. */
  readonly help: string
  /** What else a programmer should know, in whole sentences. */
  readonly more?: string
  /** The flag of the command line, in camelCase; absent where the command line has none. */
  readonly flag?: string
}

/** An option that must be given. */
export interface RequiredRow<T> extends Kind<T>, RowText {
  readonly required: true
}

/** An option with a default. */
export interface DefaultRow<T> extends Kind<T>, RowText {
  /** The value that it has where none is given. */
  readonly default: T | Computed<T>
}

/** An option that may be missing. */
export interface OptionalRow<T> extends Kind<T>, RowText {
  /** What is done, or taken, where it is. */
  readonly otherwise?: string
}

/** An option in a table of options: its kind, its text and its default. */
export type Row<T = unknown> = Kind<T> &
  RowText & {
    /** The value that it has where none is given. */
    readonly default?: T | Computed<T>
    /** What is done, or taken, where there is no value. */
    readonly otherwise?: string
  }

/** Rows by the names of their options. */
export type Rows = Readonly<Record<string, Row>>

type More = Omit<RowText, 'help'>

export const requiredOption = <T>(kind: Kind<T>, help: string, more: More = {}): RequiredRow<T> => ({
  ...kind,
  required: true,
  help,
  ...more,
})

export const option = <T>(
  kind: Kind<T>,
  value: T | Computed<T>,
  help: string,
  more: More = {},
): DefaultRow<T> => ({ ...kind, default: value, help, ...more })

export const optionalOption = <T>(
  kind: Kind<T>,
  help: string,
  more: More & Pick<OptionalRow<T>, 'otherwise'> = {},
): OptionalRow<T> => ({ ...kind, help, ...more })

/** @param of is given the other options, those of constant default and those whose rows stand before */
export const computed = <T, Others>(text: string, of: (others: Others) => T): Computed<T> =>
  new Computed(text, of)

type ValueOf<R> = R extends Kind<infer T> ? T : never
type RequiredNames<R> = { [K in keyof R]: R[K] extends { required: true } ? K : never }[keyof R]
type FilledNames<R> = {
  [K in keyof R]: R[K] extends { required: true } | { default: unknown } ? K : never
}[keyof R]
// Mapped over type parameters, so that the comments above the rows show where options are written.
type Given<R, K extends keyof R> = { -readonly [P in K]: ValueOf<R[P]> }
type Open<R, K extends keyof R> = { -readonly [P in K]?: ValueOf<R[P]> }

/** The options that rows describe, as users write them. */
export type OptionsOf<R> = Given<R, RequiredNames<R>> & Open<R, Exclude<keyof R, RequiredNames<R>>>

/** The same with their defaults; those that have none may be undefined. */
export type Filled<R> = Given<R, FilledNames<R>> & {
  -readonly [P in Exclude<keyof R, FilledNames<R>>]: ValueOf<R[P]> | undefined
}

/**
 * Checks options by their rows and fills in the defaults.
 * @param owner names whose options they are: 'pgd'
 * @returns the value of every row
 * @throws ConfigError naming the first option that is unknown, missing or out of range
 */
export function withDefaults<R extends Rows>(owner: string, given: unknown, rows: R): Filled<R> {
  checkOptions<Record<string, unknown>>(owner, given, rows)
  return filled(given, rows)
}

/**
 * The value of every row.
 * @param given options that fit their rows; it may have others
 */
export function filled<R extends Rows>(given: object, rows: R): Filled<R> {
  const values: Record<string, unknown> = {}
  const open: [string, Computed<unknown>][] = []
  for (const [name, { default: value }] of Object.entries(rows)) {
    values[name] = (given as Record<string, unknown>)[name]
    if (values[name] !== undefined) continue
    if (value instanceof Computed) open.push([name, value])
    else values[name] = value
  }
  for (const [name, { of }] of open) values[name] = of(values as never)
  return values as Filled<R>
}

/** A default as help and documentation print it; empty where there is none to tell. */
export function defaultText({ default: value, otherwise = '' }: Row): string {
  if (value instanceof Computed) return value.text
  if (value === undefined) return otherwise
  return typeof value === 'object' ? JSON.stringify(value) : `${value}`
}
