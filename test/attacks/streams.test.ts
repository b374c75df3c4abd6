// What attacks draw from: no two algorithms, runs or targets share a random stream.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import { streamStep, streams } from '../../src/attacks/frame/streams.ts'
import {
  apgd,
  apgdT,
  autoAttack,
  bandits,
  cwLinf,
  fab,
  fgsmRs,
  pgd,
  square,
} from '../../src/attacks/index.ts'
import { eot, eotApgd } from '../../src/r2s/adversaries.ts'
import { Purpose } from '../../src/random/philox.ts'
import { multiclassLinear } from './multiclass-linear.ts'

/** Every stream that is opened, as purpose, step and index. */
const opened: string[] = vi.hoisted(() => [])
vi.mock('../../src/random/philox.ts', async importOriginal => {
  const original = await importOriginal<typeof import('../../src/random/philox.ts')>()
  return {
    ...original,
    RandomStream: class extends original.RandomStream {
      constructor(seed: number, purpose: number, step = 0, index = 0) {
        super(seed, purpose as never, step, index)
        opened.push(`${purpose} ${step} ${index}`)
      }
    },
  }
})
vi.mock('../../src/tensor/ops/attack.ts', async importOriginal => {
  const original = await importOriginal<typeof import('../../src/tensor/ops/attack.ts')>()
  const randomStart: typeof original.randomStart = (x0, sampleIds, threat, key) => {
    opened.push(`${Purpose.attackStart} ${key.step} ${id}`)
    return original.randomStart(x0, sampleIds, threat, key)
  }
  return { ...original, randomStart }
})

const id = 7
const model = multiclassLinear({
  weights: [0, 1, 2, 3, 4].map(k => [0.1 * k, 0.2, 0, -0.1 * k]),
  biases: [400, 0, 1, 2, 3],
})
const image = new Float32Array(4).fill(0.5)
const eps = 0.1
const run = async (attack: Attack) => {
  opened.length = 0
  const { robust } = await attack.run(model, image, [0], { seed: 3, sampleIds: [id] })
  expect([...robust]).toEqual([1])
  return [...opened]
}
beforeEach(() => {
  opened.length = 0
})

const attacks: [string, Attack, number][] = [
  ['pgd', pgd({ eps, steps: 1, restarts: 5 }), 5],
  ['pgd-dlr', pgd({ eps, steps: 1, restarts: 5, loss: 'dlr' }), 5],
  ['pgd-cw', pgd({ eps, steps: 1, restarts: 5, loss: 'cw' }), 5],
  ['fgsm-rs', fgsmRs({ eps }), 1],
  ['cw-linf', cwLinf({ eps, steps: 1, restarts: 5 }), 5],
  ['apgd-ce', apgd({ eps, steps: 1, restarts: 5 }), 5],
  ['apgd-dlr', apgd({ eps, steps: 1, restarts: 5, loss: 'dlr' }), 5],
  ['apgd-cw', apgd({ eps, steps: 1, restarts: 5, loss: 'cw' }), 5],
  ['apgd-t', apgdT({ eps, steps: 1, restarts: 5, targets: 4 }), 4 * 5],
  // The first run of each target starts at the image.
  ['fab', fab({ eps, steps: 1, restarts: 5, targeted: false }), 4],
  ['fab-t', fab({ eps, steps: 1, restarts: 5, targets: 4 }), 4 * 4],
  ['square', square({ eps, queries: 1, restarts: 5 }), 5],
  ['bandits', bandits({ eps, queries: 2 }), 1],
]

it('each attack draws from as many streams as it has runs and targets, and no two attacks share one', async () => {
  const all = new Map<string, string>()
  for (const [name, attack, expected] of attacks) {
    const keys = await run(attack)
    expect(keys, name).toHaveLength(expected)
    for (const key of keys) {
      expect(key.endsWith(` ${id}`)).toBe(true)
      expect(all.get(key), `${name} ${key}`).toBeUndefined()
      all.set(key, name)
    }
  }
})

it.each(['standard', 'plus'] as const)('AutoAttack %s never opens a stream twice', async version => {
  const keys = await run(autoAttack({ eps, version, checks: false }))
  expect(new Set(keys).size).toBe(keys.length)
  // apgd-ce and apgd-t and square; with five restarts apgd-ce, apgd-dlr and fab too.
  expect(keys).toHaveLength(version === 'standard' ? 1 + 4 + 1 : 5 + 5 + 4 + 1 + 4)
})

it('the adversaries of a switch draw from the streams of the attacks that they extend', async () => {
  for (const [adversary, attack] of [
    [eot({ eps, steps: 1, restarts: 3 }), pgd({ eps, steps: 1, restarts: 3 })],
    [eotApgd({ eps, steps: 1, restarts: 3 }), apgd({ eps, steps: 1, restarts: 3 })],
  ] as const) {
    const expected = await run(attack)
    opened.length = 0
    await adversary.run([model], image, [0], { seed: 3, sampleIds: [id] })
    expect(opened).toEqual(expected)
  }
})

it('targets at random have a stream of their own', async () => {
  await pgd({ eps, steps: 1 }).run(model, image, [0], { sampleIds: [id], targets: 'random' })
  const keys = [...opened]
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBe(`${Purpose.attackTarget} 0 ${id}`)
})

describe('the step of a stream', () => {
  it('holds part and run, all of them different', () => {
    const steps = Object.keys(streams).flatMap(name =>
      [0, 1, 2 ** 26 - 1].map(run => {
        const [purpose] = streams[name as keyof typeof streams]
        return `${purpose} ${streamStep(name as keyof typeof streams, run)}`
      }),
    )
    expect(new Set(steps).size).toBe(steps.length)
    expect(Math.max(...steps.map(step => Number(step.split(' ')[1])))).toBeLessThan(2 ** 32)
  })

  it('refuses more runs than it can tell apart', () => {
    expect(() => streamStep('apgd-t', 2 ** 26)).toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'restarts' }),
    )
  })
})
