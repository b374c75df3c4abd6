// Flags from the rows of options: how they are written, read and explained.
import { Option } from 'commander'
import { ConfigError } from '../errors.ts'
import { kebabCase } from '../inputs/names.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import { Computed, defaultText, type Row, type Rows } from '../inputs/rows.ts'
import type { Taker } from './named-attack.ts'
import { flagOf, numberIn, optionName, type Parser, parseRadius, quote } from './values.ts'

/** Reads a flag by the rows that may take it. @throws ConfigError for what none accepts */
function parserOf(rows: readonly Row[], parseSize: Parser<number>): Parser<unknown> {
  return (text, flag) => {
    const [{ schema, unit }] = rows
    const numeric = schema?.type === 'integer' || schema?.type === 'number'
    const value = unit === 'pixels' ? parseSize(text, flag) : numeric ? numberIn(text) : text
    if (rows.some(row => row.accepts(value))) return value
    const expected = [...new Set(rows.map(row => row.expected))].join(' or ')
    const hint = (schema?.enum && didYouMean(text, schema.enum)) || rows[0].hint?.(value) || '.'
    throw new ConfigError(
      `Expected ${expected} for ${flag} but received ${quote(text)}${hint}`,
      optionName(flag),
    )
  }
}

/** The flag of an option, with its default. @param rows beside which it stands */
export function rowFlag(row: Row, rows: Rows): Option {
  const made = bareFlag(row, rows)
  const { default: value } = row
  // Those of false are absent until they are given.
  if (value === undefined || value === false || value instanceof Computed) return made
  return made.default(value, `${value}`)
}

/** The same without its default, as far as the command sees to that. */
export function bareFlag(row: Row, rows: Rows): Option {
  const open = row.default instanceof Computed ? row.default.text : row.otherwise
  const note = open === undefined ? '' : ` (default: ${open in rows ? flagOf(open) : open})`
  return flagFor(row, `${sentenceOf(row, rows)}${note}`, [row])
}

/**
 * A flag that several attacks read.
 * @param takers those that do
 * @param all number of the attacks to choose from, not all of which need to read it
 * @param parseSize reads sizes in pixels, up to those that the command allows
 */
export function sharedFlag(
  takers: readonly Taker[],
  all: number,
  parseSize: Parser<number> = parseRadius,
): Option {
  const rows = takers.map(({ row }) => row)
  return flagFor(rows[0], sharedHelp(takers, all), rows, parseSize)
}

/** 'steps (default: 20 for pgd; 100 for fab), …': one clause for each sentence and default. */
function sharedHelp(takers: readonly Taker[], all: number): string {
  const bySentence = grouped(takers, ({ row }) => sentenceOf(row, {}))
  const clauses = [...bySentence].map(([sentence, those]) => {
    const byDefault = [...grouped(those, ({ row }) => defaultText(row))]
    const named = bySentence.size > 1 || byDefault.length > 1
    const defaults = byDefault
      .filter(([text]) => text !== 'false')
      .map(([text, some]) => (named ? `${text} for ${namesOf(some)}` : text))
    return defaults.length === 0 ? sentence : `${sentence} (default: ${defaults.join('; ')})`
  })
  const few = takers.length * 4 <= all ? `of ${namesOf(takers)}: ` : ''
  return `${few}${clauses.join(', ')}`
}

function grouped(takers: readonly Taker[], by: (taker: Taker) => string): Map<string, Taker[]> {
  const groups = new Map<string, Taker[]>()
  for (const taker of takers) groups.set(by(taker), [...(groups.get(by(taker)) ?? []), taker])
  return groups
}

const namesOf = (takers: readonly Taker[]) => takers.map(({ name }) => name).join(', ')

/** The sentence of an option with its words or its range, other options as flags. */
function sentenceOf({ help, schema = {}, default: value }: Row, rows: Rows): string {
  const text = help.replace(/`(\w+)`/g, (_, name: string) =>
    name in rows ? flagOf(rows[name].flag ?? name) : name,
  )
  const words = schema.enum ?? []
  if (!words.every(word => text.includes(word))) return `${text}: ${words.join(', ')}`
  if (schema.type === 'boolean' && value === true) return `without ${text}`
  const { type, minimum, exclusiveMinimum, maximum } = schema
  if (type !== 'number' || maximum === undefined || maximum > 1000) return text
  return `${text}, ${exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`} to ${maximum}`
}

function flagFor(
  { flag, schema, unit, default: value }: Row,
  help: string,
  rows: readonly Row[],
  parseSize: Parser<number> = parseRadius,
): Option {
  const name = kebabCase(flag!)
  if (schema?.type === 'boolean') return new Option(value === true ? `--no-${name}` : `--${name}`, help)
  const what =
    unit === 'pixels' ? 'size' : schema?.enum ? 'name' : schema?.type === 'integer' ? 'n' : 'number'
  const made = new Option(`--${name} <${what}>`, help)
  const parse = parserOf(rows, parseSize)
  if (schema?.enum !== undefined) made.argChoices = [...schema.enum]
  return made.argParser(text => parse(text, made.long!))
}
