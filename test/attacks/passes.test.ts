// What attacks say beforehand of their passes, by which progress is told, and what they say of themselves.
import { expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
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
import { multiclassLinear } from './multiclass-linear.ts'

const classes = 5
const sure = multiclassLinear({
  weights: [0, 1, 2, 3, 4].map(k => [0.1 * k, 0.2, 0, -0.1 * k]),
  biases: [400, 0, 1, 2, 3],
})
const eps = 0.1
const attacks: Attack[] = [
  fgsm({ eps }),
  fgsmRs({ eps }),
  pgd({ eps, steps: 4, restarts: 3 }),
  pgd({ eps, steps: 4, loss: 'dlr' }),
  apgd({ eps, steps: 6, restarts: 2, eot: 3 }),
  apgd({ eps, steps: 6, start: 'clean' }),
  apgd({ eps, steps: 6, bestLoss: true }),
  apgdT({ eps, steps: 5, targets: 3, restarts: 2 }),
  apgdT({ eps, steps: 5 }),
  fab({ eps, steps: 4, restarts: 2 }),
  fab({ eps, steps: 4, targeted: false }),
  square({ eps, queries: 30, restarts: 2 }),
  bandits({ eps, queries: 21 }),
  cwLinf({ eps, steps: 4, restarts: 2 }),
  autoAttack({ eps, version: 'custom', attacks: ['square', fab({ eps, steps: 3 })], checks: false }),
]

it.each(attacks)('$name: those of an image that is never fooled, number for number', async attack => {
  const seen: number[] = []
  const { forwards, backwards, robust } = await attack.run(sure, new Float32Array(12).fill(0.5), [0, 0, 0], {
    onProgress: ({ images }) => seen.push(images),
  })
  expect([...robust]).toEqual([1, 1, 1])
  const { forwards: f, backwards: b } = attack.passes!(classes)
  expect([forwards, backwards]).toEqual([3 * f, 3 * b])
  expect(seen.at(-1)).toBe(3)
  expect(seen).toEqual([...seen].sort((x, y) => x - y))
  expect(attack.settings).toMatchObject({ eps, norm: 'linf' })
})

it('cw-l2: no more than it says, since it stops where the loss stands', async () => {
  const attack = cwL2({ eps: 1, iterations: 30, searchSteps: 2 })
  const { forwards, backwards } = await attack.run(sure, new Float32Array(4).fill(0.5), [0])
  const most = attack.passes!(classes)
  expect(forwards).toBeLessThanOrEqual(most.forwards)
  expect(backwards).toBeLessThanOrEqual(most.backwards)
  expect(backwards).toBeGreaterThan(1)
})

it('autoattack: 7820 and 1900 of ten classes', () => {
  expect(autoAttack({ eps }).passes!(10)).toEqual({ forwards: 7820, backwards: 1900 })
})
