// Flags made from the rows of options: how they are written, read and explained.
import { describe, expect, it } from 'vitest'
import { pixelSize } from '../../src/attacks/frame/threat-model.ts'
import { bareFlag, rowFlag, sharedFlag } from '../../src/cli/row-flags.ts'
import { parseEps } from '../../src/cli/values.ts'
import { ConfigError } from '../../src/errors.ts'
import { count, flag, number, oneOf } from '../../src/inputs/kinds.ts'
import { computed, option, optionalOption, type Row } from '../../src/inputs/rows.ts'
import { searchRows } from '../../src/training/option-rows.ts'

const read = (row: Row, text: string) => rowFlag(row, {}).parseArg!(text, undefined)
const refusal = (row: Row, text: string): ConfigError => {
  try {
    read(row, text)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error as ConfigError
  }
  return expect.unreachable(`${text} was taken`)
}
const steps = option(count(1, 9), 3, 'gradient steps', { flag: 'innerSteps' })

describe('a flag of a row', () => {
  it('has its name, placeholder, sentence, range, words and default', () => {
    const shown = (row: Row, rows = {}) => {
      const { flags, description, defaultValue } = rowFlag(row, rows)
      return [flags, description, defaultValue]
    }
    expect(shown(steps)).toEqual(['--inner-steps <n>', 'gradient steps', 3])
    expect(shown(option(number(0, 1), 0.5, 'share', { flag: 'share' }))).toEqual([
      '--share <number>',
      'share, 0 to 1',
      0.5,
    ])
    expect(shown(option(oneOf(['a', 'b']), 'a', 'which', { flag: 'which' }))).toEqual([
      '--which <name>',
      'which: a, b',
      'a',
    ])
    expect(shown(option(flag, true, 'flips', { flag: 'augment' }))).toEqual([
      '--no-augment',
      'without flips',
      true,
    ])
    expect(shown(option(flag, false, 'flips', { flag: 'flip' }))).toEqual(['--flip', 'flips', undefined])
    const dataSeed = option(
      count(0),
      computed('seed', ({ seed }: { seed: number }) => seed),
      'with `seed`: of the images',
      { flag: 'dataSeed' },
    )
    expect(shown(dataSeed, { seed: steps, dataSeed })).toEqual([
      '--data-seed <n>',
      'with --inner-steps: of the images (default: --seed)',
      undefined,
    ])
    expect(shown(optionalOption(count(), 'images', { otherwise: 'all', flag: 'limit' }))).toEqual([
      '--limit <n>',
      'images (default: all)',
      undefined,
    ])
    expect(bareFlag(steps, {}).defaultValue).toBeUndefined()
  })

  it('reads what the row accepts, sizes also as fractions', () => {
    expect(read(steps, '9')).toBe(9)
    expect(read(option(pixelSize, 0, 'size', { flag: 'size' }), '8/255')).toBe(8 / 255)
    expect(read(searchRows.pattern, 'row')).toBe('row')
    expect(read(searchRows.remainingRatio, '0.05')).toBe(0.05)
  })

  it.each<[Row, string, string]>([
    [steps, '0', 'Expected a whole number from 1 to 9 for --inner-steps but received 0.'],
    [steps, '1.5', 'received 1.5.'],
    [steps, 'many', "received 'many'."],
    [steps, '', "received ''."],
    [searchRows.pattern, 'elements', 'did you mean element?'],
    [searchRows.remainingRatio, '0', 'Expected a number above 0 and up to 1 for --ratio but received 0.'],
    [searchRows.remainingRatio, '5', 'received 5: did you mean 0.05?'],
  ])('refuses the rest (%#)', (row, text, message) => {
    const error = refusal(row, text)
    expect(error.message).toContain(message)
    expect(error.option).toBe(row.flag)
  })
})

describe('a flag that several attacks read', () => {
  const of = (name: string, row: Row) => ({ name, row })
  const twenty = option(count(), 20, 'gradient steps', { flag: 'steps' })
  const hundred = option(count(2), 100, 'gradient steps', { flag: 'steps' })
  const replays = option(count(), 4, 'replays', { flag: 'steps' })

  it('tells whose default is what', () => {
    const help = (takers: { name: string; row: Row }[], all = 3) => sharedFlag(takers, all).description
    expect(help([of('a', twenty), of('b', twenty)])).toBe('gradient steps (default: 20)')
    expect(help([of('a', twenty), of('b', hundred)])).toBe('gradient steps (default: 20 for a; 100 for b)')
    expect(help([of('a', twenty), of('b', replays)])).toBe(
      'gradient steps (default: 20 for a), replays (default: 4 for b)',
    )
    expect(help([of('a', twenty)], 8)).toBe('of a: gradient steps (default: 20)')
  })

  it('takes what one of them does', () => {
    const { parseArg } = sharedFlag([of('b', hundred), of('a', twenty)], 2)
    expect(parseArg!('1', undefined)).toBe(1)
    expect(() => parseArg!('0', undefined)).toThrow(
      /of at least 2 or a whole number of at least 1 for --steps/,
    )
  })

  it('reads sizes up to those that the command allows', () => {
    const size = of('a', option(pixelSize, 0, 'size', { flag: 'size' }))
    expect(sharedFlag([size], 1).parseArg!('2', undefined)).toBe(2)
    expect(() => sharedFlag([size], 1, parseEps).parseArg!('2', undefined)).toThrow(/did you mean 2\/255\?/)
  })
})
