// The one rule of counting (decision D14): robust is what is right naturally and under attack.
import { describe, expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import type { BatchOutcome } from '../../src/attacks/frame/batch-outcome.ts'
import {
  apgd,
  apgdT,
  autoAttack,
  bandits,
  cwL2,
  cwLinf,
  fab,
  fgsm,
  fgsmRs,
  pgd,
  square,
} from '../../src/attacks/index.ts'
import { RandomStream } from '../../src/random/philox.ts'
import { multiclassLinear } from './multiclass-linear.ts'

const classes = 4
const pixels = 4
const count = 40
/** Class c where pixel c is the brightest. */
const model = multiclassLinear({
  weights: Array.from({ length: classes }, (_, c) =>
    Array.from({ length: pixels }, (_, i) => (i === c ? 5 : 0)),
  ),
  biases: [0, 0, 0, 0],
})
const stream = new RandomStream(1, 5)
const images = Float32Array.from({ length: count * pixels }, (_, i) => 0.4 + (stream.word(i) % 1000) / 5000)
const brightest = (x: Float32Array, n: number) => {
  const own = [...x.subarray(n * pixels, (n + 1) * pixels)]
  return own.indexOf(Math.max(...own))
}
const natural = Array.from({ length: count }, (_, n) => brightest(images, n))
/** Every other image is labelled otherwise than it is classified. */
const labels = natural.map((c, n) => (n % 2 === 0 ? c : (c + 1) % classes))

const eps = 0.05
const attacks: [string, Attack][] = (
  [
    // Of no strength: where the random start lies decides.
    pgd({ eps: 0.3, steps: 1, stepSize: 0 }),
    pgd({ eps: 0.3, steps: 1, stepSize: 0, loss: 'dlr', restarts: 2 }),
    pgd({ eps, steps: 3, randomStart: false }),
    fgsm({ eps }),
    fgsmRs({ eps: 0.3, stepSize: 0 }),
    cwLinf({ eps: 0.3, steps: 1, stepSize: 0 }),
    cwL2({ eps: 0.1, iterations: 10, searchSteps: 2 }),
    apgd({ eps, steps: 3 }),
    apgd({ eps: 0.3, steps: 1, bestLoss: true }),
    apgd({ eps, steps: 3, start: 'clean' }),
    apgd({ eps, steps: 3, eot: 3 }),
    apgdT({ eps, steps: 3 }),
    fab({ eps, steps: 3 }),
    square({ eps, queries: 10 }),
    bandits({ eps, queries: 10 }),
    autoAttack({ eps, version: 'custom', attacks: ['apgd-ce', pgd({ eps })], checks: false }),
  ] satisfies Attack[]
).map(attack => [attack.name, attack])

describe.each(attacks)('%s', (_, attack) => {
  it('counts as robust what is right naturally and on the image that it returns, in targeted runs too', async () => {
    const runs = attack.name.startsWith('autoattack')
      ? [{}]
      : [{}, { targets: 'random' as const }, { targets: 'least-likely' as const }]
    for (const options of runs) {
      const { robust, adversarial, hit, targets } = await attack.run(model, images, labels, {
        ...options,
        batchSize: 16,
      })
      for (let n = 0; n < count; n++) {
        const answer = brightest(adversarial, n)
        const right = natural[n] === labels[n] && answer === labels[n]
        expect(robust[n], `image ${n}`).toBe(right ? 1 : 0)
        if (targets) expect(hit![n]).toBe(answer === targets[n] ? 1 : 0)
        else expect(hit).toBeUndefined()
      }
    }
  })

  it('keeps that count, so that a run from kept batches says the same', async () => {
    const kept = new Map<string, BatchOutcome>()
    const journal = {
      read: async (key: string) => kept.get(key),
      write: async (key: string, _: Int32Array, outcome: BatchOutcome) => void kept.set(key, outcome),
    }
    const first = await attack.run(model, images, labels, { journal })
    expect(kept.size).toBeGreaterThan(0)
    const again = await attack.run(model, images, labels, { journal })
    expect(again.robust).toEqual(first.robust)
  })
})

it('some of these attacks turn images right that are wrong naturally, or this would prove nothing', async () => {
  const { robust, adversarial } = await pgd({ eps: 0.3, steps: 1, stepSize: 0 }).run(model, images, labels)
  const turned = natural.filter((c, n) => c !== labels[n] && brightest(adversarial, n) === labels[n])
  expect(turned.length).toBeGreaterThan(2)
  expect(robust.some(flag => flag === 1)).toBe(true)
})

it("AutoAttack says 'clean' of the images that are wrong naturally, and of no others", async () => {
  const { brokenBy, robust } = await autoAttack({
    eps: 0.01,
    version: 'custom',
    attacks: ['apgd-ce'],
    checks: false,
  }).run(model, images, labels)
  for (const [n, by] of brokenBy.entries()) {
    expect(by === 'clean').toBe(natural[n] !== labels[n])
    expect(robust[n]).toBe(by === null ? 1 : 0)
  }
})
