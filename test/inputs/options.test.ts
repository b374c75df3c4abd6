import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import {
  abortSignal,
  callback,
  count,
  flag,
  type Kind,
  number,
  oneOf,
  orNull,
  path,
  required,
  seed,
  text,
} from '../../src/inputs/kinds.ts'
import { checkOptions, describeValue } from '../../src/inputs/options.ts'

interface Example {
  steps?: number
  loss: string
  seed?: number
}
const rows = { steps: count(), loss: required(oneOf(['ce', 'dlr'])), seed }
const refusal = (given: unknown) => {
  try {
    checkOptions<Example>('example', given, rows)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error as ConfigError
  }
  return null
}

describe('checkOptions', () => {
  it('takes options that fit, and undefined as not given', () => {
    expect(refusal({ loss: 'ce', steps: 3, seed: undefined })).toBe(null)
  })

  it.each<[unknown, string, string]>([
    [{ loss: 'ce', step: 3 }, 'step', 'example has no option step: did you mean steps?'],
    [{ loss: 'ce', colour: 3 }, 'colour', 'example has no option colour (known: steps, loss, seed).'],
    [{}, 'loss', 'Expected one of ce, dlr for loss of example but received nothing.'],
    [{ loss: 'dlt' }, 'loss', "received 'dlt': did you mean dlr?"],
    [
      { loss: 'ce', steps: 1.5 },
      'steps',
      'Expected a whole number of at least 1 for steps of example but received 1.5.',
    ],
    [{ loss: 'ce', seed: '3' }, 'seed', "for seed of example but received '3'."],
    [undefined, 'options', 'Expected an object of options for example but received nothing.'],
    [8 / 255, 'options', 'Expected an object of options'],
    [null, 'options', 'received null'],
    [[], 'options', 'received an array of 0'],
    [Object.create({ loss: 'ce' }, { '': { value: 1, enumerable: true } }), '', 'has no option '],
  ])('refuses %j and names %s', (given, option, message) => {
    const error = refusal(given)
    expect(error?.option).toBe(option)
    expect(error?.message).toContain(message)
  })

  it('looks up inherited names in no table', () => {
    expect(refusal({ loss: 'ce', toString: 1 })?.option).toBe('toString')
    expect(refusal(JSON.parse('{"loss":"ce","__proto__":1}'))?.option).toBe('__proto__')
  })
})

describe('kinds', () => {
  const cases: [string, Kind, unknown[], unknown[]][] = [
    ['count()', count(), [1, 7], [0, -1, 1.5, Number.NaN, Infinity, 2 ** 60, '3', 3n, null, [3]]],
    ['count(2, 4)', count(2, 4), [2, 4], [1, 5]],
    ['seed', seed, [0, 2 ** 53 - 1], [-1, 1.5, Number.NaN, 2 ** 53, '3', null]],
    ['number(0)', number(0), [0, 1.5], [-1, Number.NaN, Infinity, '1', null]],
    ['number(0, 1, above)', number(0, 1, { above: true }), [1e-9, 1], [0, 1.1, Number.NaN]],
    ['flag', flag, [true, false], [0, 'no', null]],
    ['text', text, ['a'], ['', 1, null]],
    ['path', path, ['a/b'], ['', 'a\0b', 1]],
    ['oneOf', oneOf(['a']), ['a'], ['b', null, ['a']]],
    ['callback', callback, [() => {}], [null, 'f']],
    ['abortSignal', abortSignal, [new AbortController().signal], [null, {}, true]],
    ['orNull', orNull(flag), [null, true], [0]],
  ]
  it.each(cases)('%s accepts what it says', (_, kind, good, bad) => {
    for (const value of good) expect(kind.accepts(value), describeValue(value)).toBe(true)
    for (const value of bad) expect(kind.accepts(value), describeValue(value)).toBe(false)
  })
})
