// Reading option values. Each parser throws a ConfigError that says what was expected and what came.
import { ConfigError } from '../errors.ts'
import { camelCase, kebabCase } from '../inputs/names.ts'
import { didYouMean } from '../inputs/nearest-name.ts'

/** Reads the text of the option `flag` ('--step-size'). */
export interface Parser<T> {
  (text: string, flag: string): T
  /** Words that it takes, for shells to complete: all, or those beside numbers. */
  readonly words?: readonly string[]
}

/** The name of `--step-size` in the API: stepSize. */
export function optionName(flag: string): string {
  return camelCase(flag.replace(/^--/, ''))
}

/** The other way: '--step-size' of stepSize. */
export function flagOf(option: string): string {
  return `--${kebabCase(option)}`
}

/** A perturbation size or step in pixel units (pixels in [0, 1]): a fraction such as 8/255, or a decimal from 0 to 1. */
export const parseEps: Parser<number> = (text, flag) => {
  const fraction = /^\s*(\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)\s*$/.exec(text)
  if (fraction !== null && Number(fraction[2]) > 0) return Number(fraction[1]) / Number(fraction[2])
  const value = numberIn(text)
  if (value > 1) {
    throw new ConfigError(
      `Expected a fraction such as 8/255 or a decimal from 0 to 1 for ${flag} (pixels lie in [0, 1]) but received ${text}: did you mean ${value}/255?`,
      optionName(flag),
    )
  }
  if (!(value >= 0)) {
    throw new ConfigError(
      `Expected a fraction such as 8/255 or a decimal from 0 to 1 for ${flag} but received ${quote(text)}.`,
      optionName(flag),
    )
  }
  return value
}

/** The same, or a radius above 1, which only L2 has: see checkRadius. */
export const parseRadius: Parser<number> = (text, flag) => {
  const value = numberIn(text)
  return value > 1 && Number.isFinite(value) ? value : parseEps(text, flag)
}

/** A number from `low` to `high`, both included unless `open` excludes `low`. */
export function numberFrom(low: number, high = Number.POSITIVE_INFINITY, open?: 'above'): Parser<number> {
  return (text, flag) => {
    const value = numberIn(text)
    if (Number.isFinite(value) && (open ? value > low : value >= low) && value <= high) return value
    throw new ConfigError(
      `Expected a number ${open ? 'above' : 'from'} ${low}${high === Number.POSITIVE_INFINITY ? (open ? '' : ' up') : ` to ${high}`} for ${flag} but received ${quote(text)}.`,
      optionName(flag),
    )
  }
}

export function integerFrom(low: number, high = Number.MAX_SAFE_INTEGER): Parser<number> {
  return (text, flag) => {
    const value = numberIn(text)
    if (Number.isInteger(value) && value >= low && value <= high) return value
    const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`
    throw new ConfigError(
      `Expected a whole number ${range} for ${flag} but received ${quote(text)}.`,
      optionName(flag),
    )
  }
}

/** A number of images, or 'all'. */
export const parseLimit: Parser<number | 'all'> = Object.assign(
  (text: string, flag: string) => {
    if (text.trim() === 'all') return 'all'
    const value = numberIn(text)
    if (Number.isSafeInteger(value) && value >= 1) return value
    throw new ConfigError(
      `Expected a number of images of at least 1, or all, for ${flag} but received ${quote(text)}.`,
      optionName(flag),
    )
  },
  { words: ['all'] },
)

export function oneOf<T extends string>(allowed: readonly T[]): Parser<T> {
  const parse = (text: string, flag: string) => {
    if ((allowed as readonly string[]).includes(text)) return text as T
    throw new ConfigError(
      `Expected one of ${allowed.join(', ')} for ${flag} but received ${quote(text)}${didYouMean(text, allowed) || '.'}`,
      optionName(flag),
    )
  }
  return Object.assign(parse, { words: allowed })
}

/** Names from `allowed`, separated by commas. */
export function listOf<T extends string>(allowed: readonly T[]): Parser<T[]> {
  const parse = oneOf(allowed)
  const parseAll = (text: string, flag: string) => text.split(',').map(name => parse(name.trim(), flag))
  return Object.assign(parseAll, { words: allowed })
}

export const parseText: Parser<string> = (text, flag) => {
  if (text !== '') return text
  throw new ConfigError(`Expected a value for ${flag} but received nothing.`, optionName(flag))
}

/** Texts, separated by commas. */
export const listOfTexts: Parser<string[]> = (text, flag) =>
  text.split(',').map(part => parseText(part.trim(), flag))

/** 8/255 where eps is a whole number of pixel levels, otherwise a decimal. */
export function formatEps(eps: number): string {
  const levels = eps * 255
  if (eps > 0 && Math.abs(levels - Math.round(levels)) < 1e-6) return `${Math.round(levels)}/255`
  return String(Number(eps.toPrecision(6)))
}

/** NaN for what is no number. */
export function numberIn(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text)
}

/** A number as it stands, any other text in quotes. */
export function quote(text: string): string {
  return Number.isNaN(numberIn(text)) ? `'${text}'` : text
}
