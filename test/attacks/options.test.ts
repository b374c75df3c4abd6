// Every option of every attack and adversary, and of a run, by the rows that check them.
import { describe, expect, it } from 'vitest'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import type { AttackRow } from '../../src/attacks/frame/attack-row.ts'
import { attackRunRows } from '../../src/attacks/frame/run-options.ts'
import * as attacks from '../../src/attacks/index.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Kind } from '../../src/inputs/kinds.ts'
import { Computed } from '../../src/inputs/rows.ts'
import * as adversaries from '../../src/r2s/adversaries.ts'
import { boundsOf } from '../inputs/bounds.ts'
import { multiclassLinear } from './multiclass-linear.ts'

type Make = (options: unknown) => unknown
const { random: _, ...made } = adversaries
const table = Object.entries({ ...attacks, ...made }).map(([name, factory]) => ({
  ...{ name, make: factory as Make, row: factory.row as AttackRow },
  options: factory.row.options as Readonly<Record<string, Kind>>,
}))
const example = { eps: 8 / 255 }

/** No option is any of these. */
const never: [string, unknown][] = [
  ['NaN', Number.NaN],
  ['-1', -1],
  ["'3'", '3'],
  ['{}', {}],
  ['null', null],
  ['a function', () => 1],
  ['1n', 1n],
  ['[{}]', [{}]],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]
/** Some are one of these. */
const seldom: [string, unknown][] = [
  ['1.5', 1.5],
  ['0', 0],
  ['[]', []],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['2^60', 2 ** 60],
  ['true', true],
]

/** The option that a ConfigError names; the error is thrown here where it is another. */
function refusedOption(make: () => unknown): string | undefined {
  try {
    make()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.option
  }
  return undefined
}

it('every factory is listed under the name of its own row', () => {
  for (const { name, row } of table) expect(row.name).toBe(name)
})

describe.each(table)('$name', ({ name, make, row, options }) => {
  it('is made from its example, and from one that leaves options undefined', () => {
    const undefinedOptions = Object.fromEntries(Object.keys(options).map(option => [option, undefined]))
    for (const valid of [example, { ...undefinedOptions, ...example }]) {
      expect(make(valid)).toMatchObject({ name: expect.any(String) })
    }
  })

  it('refuses what is no object of options', () => {
    for (const none of [undefined, null, 8 / 255, '8/255', [8 / 255], () => 1]) {
      expect(refusedOption(() => make(none))).toBe('options')
    }
  })

  it('refuses to be made without eps', () => {
    expect(refusedOption(() => make({}))).toBe('eps')
  })

  it('refuses options that it does not have, by name', () => {
    for (const unknown of ['alpha', 'n_queries', 'epsilon', 'Steps', 'n_iter']) {
      expect(refusedOption(() => make({ ...example, [unknown]: 1 }))).toBe(unknown)
      expect(() => make({ ...example, [unknown]: 1 })).toThrow(/did you mean|known: eps/)
    }
  })

  it.each(Object.keys(options))('refuses every value that %s cannot be', option => {
    for (const [value, bad] of never) {
      expect(
        refusedOption(() => make({ ...example, [option]: bad })),
        value,
      ).toBe(option)
    }
    for (const [value, odd] of seldom) {
      if (options[option].accepts(odd)) continue
      expect(
        refusedOption(() => make({ ...example, [option]: odd })),
        value,
      ).toBe(option)
    }
  })

  it('has one sentence for each option, and a default that its kind accepts', () => {
    for (const [option, { help, default: value }] of Object.entries(row.options)) {
      expect(help, option).toMatch(/^\S.*[^.]$/)
      if (value === undefined || value instanceof Computed) continue
      expect(options[option].accepts(value), option).toBe(true)
    }
  })

  it('has eps in pixels', () => {
    if (name === 'cwL2') return
    expect(() => make({ ...example, eps: 8 })).toThrow(/did you mean 8\/255\?/)
    expect(refusedOption(() => make({ ...example, eps: 1.001 }))).toBe('eps')
    expect(make({ ...example, eps: 0 })).toMatchObject({ name: expect.any(String) })
  })
})

it('names that are nearly right are told', () => {
  const told = (make: () => unknown) => {
    try {
      return make()
    } catch (error) {
      return (error as Error).message
    }
  }
  const eps = 0.1
  expect(told(() => attacks.square({ eps, n_queries: 5 } as never))).toMatch(/did you mean queries\?/)
  expect(told(() => attacks.pgd({ eps, step: 5 } as never))).toMatch(/did you mean steps\?/)
  expect(told(() => attacks.apgd({ eps, norm: 'Linf' as never }))).toMatch(/did you mean linf\?/)
  expect(told(() => attacks.autoAttack({ eps, version: 'standart' as never }))).toMatch(
    /did you mean standard\?/,
  )
  expect(told(() => attacks.cwL2({ eps, steps: 5 } as never))).toMatch(/cwL2 has no option steps/)
})

it('values that only some attacks take are refused by the others', () => {
  const infinite = table.filter(({ options }) => options.eps.accepts(Number.POSITIVE_INFINITY))
  expect(infinite.map(({ name }) => name)).toEqual(['cwL2', 'fab'])
  for (const options of [
    { eps: 0.1, untilFooled: true },
    { eps: Number.POSITIVE_INFINITY, untilFooled: false },
  ]) {
    expect(attacks.fab(options)).toMatchObject({ name: 'fab-t' })
  }
  expect(refusedOption(() => attacks.fab({ eps: Number.POSITIVE_INFINITY, untilFooled: true }))).toBe(
    'untilFooled',
  )
  expect(refusedOption(() => attacks.fab({ eps: 0.1, targeted: false, targets: 2 }))).toBe('targets')
  expect(refusedOption(() => attacks.pgd({ eps: 0.1, randomStart: false, restarts: 2 }))).toBe('restarts')
  expect(refusedOption(() => attacks.apgd({ eps: 0.1, start: 'clean', restarts: 2 }))).toBe('restarts')
})

it('an adversary at random needs an attack', () => {
  for (const bad of [undefined, null, 'pgd', attacks.pgd, {}, attacks.free({ eps: 0.1 })]) {
    expect(refusedOption(() => adversaries.random(bad as never))).toBe('attack')
  }
})

describe('the options of a run', () => {
  const model = multiclassLinear({
    weights: [0, 1, 2, 3, 4].map(k => [0.1 * k, 0.2, 0, -0.1 * k]),
    biases: [4, 0, 1, 2, 3],
  })
  const images = new Float32Array(8).fill(0.5)
  const cheap: Record<string, object> = {
    cwL2: { iterations: 2, searchSteps: 1 },
    apgd: { steps: 2 },
    apgdT: { steps: 2 },
    fab: { steps: 2 },
    square: { queries: 2 },
    bandits: { queries: 2 },
    autoAttack: { version: 'custom', attacks: ['apgd-ce'], checks: false },
  }
  type Run = (options: AttackRunOptions, changes?: object) => Promise<unknown>
  const runs = table
    .filter(({ name }) => name !== 'free')
    .map(({ name, make, row, options }): [string, Run, boolean, Readonly<Record<string, Kind>>] => {
      const run: Run = (runOptions, changes = {}) => {
        const attack = make({ ...example, ...cheap[name], ...changes }) as Attack & { against?: string }
        const subject = attack.against === undefined ? model : ([model] as never)
        return attack.run(subject, images, [0, 0], runOptions)
      }
      return [name, run, row.targeted, options]
    })
  const refused = (run: Promise<unknown>) =>
    run.then(
      () => undefined,
      error => {
        if (!(error instanceof ConfigError)) throw error
        return error.option
      },
    )

  it.each(runs)(
    '%s runs with every option at its bounds and with every word',
    async (name, run, _, options) => {
      let tried = 0
      for (const [option, row] of Object.entries(options)) {
        for (const value of boundsOf(row)) {
          // Other than 'custom' it needs no list.
          const others = name === 'autoAttack' && option === 'version' ? { attacks: undefined, eps: 1 } : {}
          const changes = { ...others, [option]: value }
          if (option === 'version' && value === 'custom') continue
          const { adversarial } = (await run({ seed: 0 }, changes)) as { adversarial: Float32Array }
          expect(adversarial, `${option} ${value}`).toHaveLength(images.length)
          expect(
            adversarial.every(pixel => pixel >= 0 && pixel <= 1),
            `${option} ${value}`,
          ).toBe(true)
          tried++
        }
      }
      expect(tried).toBeGreaterThan(2)
    },
  )

  it.each(runs)('%s refuses unknown ones and every value that one cannot be', async (_, run) => {
    for (const bad of [null, 3, 'seed', []]) expect(await refused(run(bad as never))).toBe('options')
    for (const unknown of ['Seed', 'batch', 'onprogress', 'restarts']) {
      expect(await refused(run({ [unknown]: 1 }))).toBe(unknown)
    }
    for (const [option, row] of Object.entries(attackRunRows)) {
      for (const [value, bad] of [...never, ...seldom]) {
        if (row.accepts(bad)) continue
        expect(await refused(run({ [option]: bad })), `${option} ${value}`).toBe(option)
      }
    }
    for (const bad of [-1, 1.5, Number.NaN, '3', 2 ** 53]) {
      expect(await refused(run({ seed: bad as number }))).toBe('seed')
    }
    for (const bad of [-1, 1.5, Number.NaN, '3', 2 ** 31, null]) {
      expect(await refused(run({ sampleIds: [0, bad as number] }))).toBe('sampleIds')
    }
  })

  it.each(runs)('%s runs with all that it takes', async (_, run, targeted) => {
    const kept = new Map()
    const journal = {
      read: async (key: string) => kept.get(key),
      write: async (key: string, _: Int32Array, outcome: unknown) => void kept.set(key, outcome),
    }
    const options: AttackRunOptions = {
      seed: 2 ** 53 - 1,
      batchSize: 1,
      sampleIds: Int32Array.of(0, 2 ** 31 - 1),
      signal: new AbortController().signal,
      onProgress: () => {},
      journal,
      ...(targeted && { targets: [1, 2] }),
    }
    const once = await run(options)
    expect(kept.size).toBeGreaterThan(0)
    expect(await run({ ...options, onProgress: undefined })).toMatchObject({
      adversarial: (once as { adversarial: Float32Array }).adversarial,
    })
  })

  it.each(runs)('%s takes targets if the table says so', async (_, run, targeted) => {
    for (const targets of ['least-likely', 'random', [1, 2], Int32Array.of(4, 3)] as const) {
      expect(await refused(run({ targets }))).toBe(targeted ? undefined : 'targets')
    }
    if (!targeted) return
    for (const bad of [[0, 1], [1, 0], [1, 5], [1, -1], [1, 1.5], [1, '2'], 'most-likely', 3, [[1], [2]]]) {
      expect(await refused(run({ targets: bad as number[] }))).toBe('targets')
    }
    await expect(run({ targets: [1] })).rejects.toThrow(/Expected 2 targets/)
  })
})
