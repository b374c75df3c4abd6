import { describe, expect, it } from 'vitest'
import { formatCount, formatDuration, formatPercent } from '../../src/cli/format.ts'
import {
  formatEps,
  integerFrom,
  listOf,
  numberFrom,
  oneOf,
  optionName,
  type Parser,
  parseEps,
  parseLimit,
} from '../../src/cli/values.ts'
import { ConfigError } from '../../src/errors.ts'

function refusal(parse: Parser<unknown>, text: string, flag = '--x'): ConfigError {
  try {
    parse(text, flag)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error as ConfigError
  }
  return expect.unreachable(`${text} was taken`)
}

describe('parseEps', () => {
  it('takes fractions and decimals', () => {
    expect(parseEps('8/255', '--eps')).toBe(8 / 255)
    expect(parseEps(' 2.5 / 255 ', '--eps')).toBe(2.5 / 255)
    expect(parseEps('0.1', '--eps')).toBe(0.1)
    expect(parseEps('1', '--eps')).toBe(1)
    expect(parseEps('0', '--eps')).toBe(0)
  })

  it('asks whether a bare number above 1 was meant in pixel levels', () => {
    const error = refusal(parseEps, '8', '--eps')
    expect(error.message).toMatch(/received 8: did you mean 8\/255\?$/)
    expect(error.option).toBe('eps')
    expect(refusal(parseEps, '2', '--step-size').option).toBe('stepSize')
  })

  it.each(['', ' ', '8/0', '-0.1', 'eight', '1/2/3', 'NaN', '0x'])('refuses %o', text => {
    expect(refusal(parseEps, text).message).toContain('Expected a fraction such as 8/255')
  })

  it('refuses Infinity', () => {
    refusal(parseEps, 'Infinity')
  })
})

describe('the other parsers', () => {
  it('take what they say', () => {
    expect(integerFrom(1)('3', '--x')).toBe(3)
    expect(numberFrom(0, 1)('0.5', '--x')).toBe(0.5)
    expect(oneOf(['a', 'b'])('b', '--x')).toBe('b')
    expect(listOf(['pgd', 'fgsm'])('pgd, fgsm', '--x')).toEqual(['pgd', 'fgsm'])
    expect(parseLimit('all', '--x')).toBe('all')
    expect(parseLimit('20', '--x')).toBe(20)
  })

  it.each([
    [integerFrom(1), '0', 'of at least 1'],
    [integerFrom(1), '1.5', 'a whole number'],
    [integerFrom(1, 9), '10', 'from 1 to 9'],
    [integerFrom(0), '9007199254740993', 'a whole number'],
    [numberFrom(0, 1), '2', 'from 0 to 1'],
    [numberFrom(0, undefined, 'above'), '0', 'above 0'],
    [numberFrom(0), 'much', "'much'"],
    [oneOf(['element', 'row']), 'elements', 'did you mean element?'],
    [listOf(['pgd', 'fgsm']), 'pgd,', 'one of pgd, fgsm'],
    [parseLimit, '0', 'at least 1, or all'],
  ] as [Parser<unknown>, string, string][])('refuse the rest (%#)', (parse, text, message) => {
    expect(refusal(parse, text).message).toContain(message)
  })
})

it('numbers are printed for people', () => {
  expect(optionName('--eval-step-size')).toBe('evalStepSize')
  expect(formatEps(8 / 255)).toBe('8/255')
  expect(formatEps(0.1)).toBe('0.1')
  expect(formatEps(0)).toBe('0')
  expect(formatPercent(0.6412)).toBe('64.1 %')
  expect(formatCount(11164352)).toBe('11,164,352')
  expect([5.2, 192, 7500, Number.NaN].map(formatDuration)).toEqual(['5 s', '3 min 12 s', '2 h 5 min', '?'])
})
