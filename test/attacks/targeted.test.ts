// Targeted runs: closed forms where each logit is a pixel, and what holds on any model.
import { beforeAll, describe, expect, it } from 'vitest'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { losses, lossFor } from '../../src/attacks/frame/losses.ts'
import { distance, type Norm } from '../../src/attacks/frame/threat-model.ts'
import {
  apgd,
  apgdT,
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
import { checkAbort, imageOf, shuffled, type TrainedStripes, trainStripes } from './trained-stripes.ts'

const classes = 5
const scale = 10
/** Class c where pixel c is the brightest: logits 10·x. */
const model = multiclassLinear({
  weights: Array.from({ length: classes }, (_, c) =>
    Array.from({ length: classes }, (_, i) => (i === c ? scale : 0)),
  ),
  biases: [0, 0, 0, 0, 0],
})
const pixels = [0.62, 0.5, 0.44, 0.57, 0.38]
const image = Float32Array.from(pixels)
const label = 0
const others = [1, 2, 3, 4]

/**
 * The least change that makes pixel t the brightest. L∞: it rises and the brightest falls by half of the difference. L2:
 * it rises to a level to which all brighter ones fall.
 */
function leastChange(t: number, norm: Norm): number {
  if (norm === 'linf') return (Math.max(...pixels) - pixels[t]) / 2
  const change = (level: number) => Math.hypot(level - pixels[t], ...pixels.map(v => Math.max(0, v - level)))
  let least = Number.POSITIVE_INFINITY
  for (let level = pixels[t]; level <= 1; level += 1e-5) least = Math.min(least, change(level))
  return least
}

/** Attacks of a ball, and the factor of the least change at which they must succeed. */
const inBall: [string, Norm, number, (eps: number) => Attack][] = [
  ['fgsm', 'linf', 1.001, eps => fgsm({ eps })],
  ['fgsm-rs', 'linf', 1.001, eps => fgsmRs({ eps, stepSize: 2 * eps })],
  ...(['ce', 'dlr', 'cw'] as const).flatMap((loss): [string, Norm, number, (eps: number) => Attack][] => [
    [
      `pgd-${loss}`,
      'linf',
      loss === 'dlr' ? 2 : 1.1,
      eps => pgd({ eps, loss, steps: 100, stepSize: eps / 20 }),
    ],
    // The likeliest point of a ball need not be the one where the target has the largest margin.
    [
      `pgd-${loss}`,
      'l2',
      loss === 'ce' ? 1.3 : 1.1,
      eps => pgd({ eps, loss, norm: 'l2', steps: loss === 'dlr' ? 200 : 60, stepSize: eps / 20 }),
    ],
    [`apgd-${loss}`, 'linf', 1.02, eps => apgd({ eps, loss })],
    [`apgd-${loss}`, 'l2', loss === 'ce' ? 1.3 : 1.02, eps => apgd({ eps, loss, norm: 'l2' })],
  ]),
  [
    'pgd from the image, only what is no hit yet',
    'linf',
    1.1,
    eps => pgd({ eps, steps: 100, randomStart: false, onlyCorrect: true }),
  ],
  ['apgd-t', 'linf', 1.02, eps => apgdT({ eps })],
  ['apgd-t', 'l2', 1.02, eps => apgdT({ eps, norm: 'l2' })],
  ['cw-linf', 'linf', 1.1, eps => cwLinf({ eps, steps: 100, stepSize: eps / 20 })],
  ['square', 'linf', 1.02, eps => square({ eps, queries: 400 })],
  ['square', 'l2', 1.8, eps => square({ eps, norm: 'l2', queries: 800 })],
  ['bandits', 'linf', 1.3, eps => bandits({ eps, tile: 5, queries: 800 })],
  [
    'bandits',
    'l2',
    1.4,
    eps => bandits({ eps, norm: 'l2', tile: 5, queries: 1000, imageLearningRate: 0.02 }),
  ],
  ['fab', 'linf', 1.2, eps => fab({ eps })],
  ['fab', 'l2', 1.2, eps => fab({ eps, norm: 'l2' })],
  ['fab until fooled', 'linf', 1.2, eps => fab({ eps, targeted: false, untilFooled: true })],
  ['cw-l2', 'l2', 1.1, eps => cwL2({ eps, iterations: 200, searchSteps: 4, initialConst: 0.3 })],
]

describe.each(inBall)('%s %s', (_, norm, factor, make) => {
  it('reaches each target where the closed form says that it can be reached, and not below', async () => {
    for (const target of others) {
      const least = leastChange(target, norm)
      const at = (eps: number) => make(eps).run(model, image, [label], { targets: [target], seed: 1 })
      const above = await at(factor * least)
      expect([...above.hit!, ...above.targets!, ...above.robust], `${target}`).toEqual([1, target, 0])
      expect(above.adversarial.indexOf(Math.max(...above.adversarial))).toBe(target)
      expect(distance(image, above.adversarial, norm)).toBeLessThanOrEqual(factor * least + 1e-6)
      const below = await at(0.99 * least)
      expect([...below.hit!]).toEqual([0])
    }
  })

  it('leaves an image that is classified as its target already, whatever its label', async () => {
    const { hit, robust, adversarial, distances } = await make(0.3).run(model, image, [3], { targets: [0] })
    expect([hit![0], robust[0]]).toEqual([1, 0])
    if (distances) expect(distances[0]).toBe(0)
    if (!/^(pgd|fgsm)/.test(_)) expect(adversarial).toEqual(image)
  })

  it('goes on with an image that is wrong, but not as wanted', async () => {
    const eps = factor * leastChange(4, norm)
    const { hit, robust } = await make(eps).run(model, image, [3], { targets: [4], seed: 1 })
    expect([hit![0], robust[0]]).toEqual([1, 0])
  })
})

describe('distances to a target', () => {
  it.each(['linf', 'l2'] as const)(
    'of FAB are near the least change, and do not depend on eps: %s',
    async norm => {
      for (const target of others) {
        const found = await Promise.all(
          [0, 0.1, Number.POSITIVE_INFINITY].map(eps =>
            fab({ eps, norm }).run(model, image, [label], { targets: [target] }),
          ),
        )
        const [d] = found[0].distances!
        const least = leastChange(target, norm)
        expect(d).toBeGreaterThanOrEqual(least - 1e-6)
        expect(d).toBeLessThan(1.2 * least)
        for (const { distances } of found) expect([...distances!]).toEqual([d])
        expect([...found[2].hit!]).toEqual([1])
      }
    },
  )

  it('of CW-L2 are near the least change, and larger with confidence', async () => {
    const options = { eps: Number.POSITIVE_INFINITY, iterations: 200, searchSteps: 4, initialConst: 0.3 }
    for (const target of others) {
      const at = async (confidence: number) =>
        (await cwL2({ ...options, confidence }).run(model, image, [label], { targets: [target] }))
          .distances![0]
      const least = leastChange(target, 'l2')
      const d = await at(0)
      expect(d).toBeGreaterThanOrEqual(least - 1e-5)
      expect(d).toBeLessThan(1.03 * least)
      expect(await at(1)).toBeGreaterThan(d + 0.02)
    }
  })
})

describe('losses towards a target', () => {
  const logits = Float32Array.from([3, 1, 0.5, -1, 2])
  const names = ['ce', 'dlr', 'cw'] as const
  const value = (
    name: (typeof names)[number],
    z: Float32Array,
    target: number,
    cotangent = new Float64Array(5),
  ) => lossFor(name, true)(z, 0, cotangent, target)

  it('are minus the cross-entropy, the targeted DLR and the margin of Carlini and Wagner', () => {
    const sum = [...logits].reduce((total, z) => total + Math.exp(z), 0)
    expect(value('ce', logits, 2)).toBeCloseTo(0.5 - Math.log(sum), 6)
    expect(value('dlr', logits, 2)).toBeCloseTo(-(3 - 0.5) / (3 - (1 + 0.5) / 2), 6)
    expect(value('dlr', logits, 2)).toBeCloseTo(losses['dlr-targeted'](logits, 0, new Float64Array(5), 2), 12)
    expect(value('cw', logits, 2)).toBeCloseTo(-(3 - 0.5 + 50), 6)
    expect(value('cw', Float32Array.from([0, 0, 60, 0, 0]), 2)).toBe(0)
  })

  it.each(names)('have the derivatives that differences say: %s', name => {
    for (const target of [1, 2, 3, 4]) {
      const cotangent = new Float64Array(5)
      value(name, logits, target, cotangent)
      for (let c = 0; c < 5; c++) {
        const moved = (by: number) => value(name, logits.with(c, logits[c] + by), target)
        expect(cotangent[c]).toBeCloseTo((moved(1 / 256) - moved(-1 / 256)) * 128, 3)
      }
    }
  })

  it('without a target are the untargeted ones', () => {
    for (const name of names) expect(lossFor(name, false)).toBe(losses[name])
  })
})

describe('the rules', () => {
  const count = 200
  const stream = new RandomStream(2, 5)
  const images = Float32Array.from({ length: count * classes }, (_, i) => (stream.word(i) % 997) / 997)
  const labels = Array.from({ length: count }, (_, n) => stream.word(n + 5000) % classes)
  const targetsOf = async (attack: Attack, options: AttackRunOptions) => [
    ...(await attack.run(model, images, labels, options)).targets!,
  ]
  const attacks = [
    fgsm({ eps: 0.1 }),
    pgd({ eps: 0.1, steps: 1, loss: 'cw' }),
    square({ eps: 0.1, queries: 1 }),
  ]

  it('least-likely is the class of the smallest logit of all but the label', async () => {
    const expected = labels.map((label, n) => {
      const own = [...images.subarray(n * classes, (n + 1) * classes)]
      own[label] = Number.POSITIVE_INFINITY
      return own.indexOf(Math.min(...own))
    })
    for (const attack of attacks) {
      expect(await targetsOf(attack, { targets: 'least-likely', batchSize: 64 })).toEqual(expected)
    }
  })

  it('random is never the label, about equally often each other class, and keyed by seed and number of the image', async () => {
    const [first] = attacks
    const targets = await targetsOf(first, { targets: 'random', seed: 1 })
    for (const attack of attacks) {
      expect(await targetsOf(attack, { targets: 'random', seed: 1, batchSize: 7 })).toEqual(targets)
    }
    expect(targets.some((target, n) => target === labels[n])).toBe(false)
    for (let c = 0; c < classes; c++) {
      const share = targets.filter(target => target === c).length / count
      expect(share).toBeGreaterThan(0.1)
      expect(share).toBeLessThan(0.3)
    }
    expect(await targetsOf(first, { targets: 'random', seed: 2 })).not.toEqual(targets)
    const order = labels.map((_, n) => count - 1 - n)
    const reversed = await first.run(
      model,
      Float32Array.from(
        images,
        (_, i) => images[(count - 1 - Math.floor(i / classes)) * classes + (i % classes)],
      ),
      order.map(n => labels[n]),
      { targets: 'random', seed: 1, sampleIds: order },
    )
    expect([...reversed.targets!]).toEqual(order.map(n => targets[n]))
  })

  it('of two classes leave no choice', async () => {
    const two = multiclassLinear({ weights: [[1], [-1]], biases: [0, 0.7] })
    for (const targets of ['random', 'least-likely'] as const) {
      const result = await fgsm({ eps: 0.3 }).run(two, Float32Array.of(0.3, 0.6), [1, 0], { targets })
      expect([...result.targets!]).toEqual([0, 1])
      expect([...result.hit!]).toEqual([1, 1])
    }
  })
})

describe('a trained network', () => {
  let set: TrainedStripes
  beforeAll(async () => {
    set = await trainStripes(21)
  })
  const eps = 0.2
  const attacks: Attack[] = [
    fgsm({ eps }),
    pgd({ eps, steps: 5, restarts: 2, onlyCorrect: true }),
    pgd({ eps, steps: 5, loss: 'dlr' }),
    cwLinf({ eps, steps: 5 }),
    cwL2({ eps: 1, iterations: 20, searchSteps: 2, initialConst: 1 }),
    apgd({ eps, steps: 8 }),
    apgdT({ eps, steps: 8, restarts: 2 }),
    fab({ eps, steps: 5, restarts: 2 }),
    square({ eps, queries: 20 }),
    bandits({ eps, queries: 20 }),
  ]

  it.each(attacks.map((attack): [string, Attack] => [attack.name, attack]))(
    'gives the same, to the bit, in any batch size and order, and counts its passes: %s',
    async (_, attack) => {
      for (const targets of ['random', 'least-likely'] as const) {
        let passes = 0
        const counted = {
          device: set.device,
          numClasses: 4,
          inputShape: [1, 8, 8] as const,
          logits: (x: Parameters<typeof set.model.logits>[0]) => {
            passes += x.shape[0]
            return set.model.logits(x)
          },
        }
        const whole = await attack.run(counted, set.images, set.labels, { targets })
        expect(passes).toBe(whole.forwards)
        expect(await attack.run(set.model, set.images, set.labels, { targets, batchSize: 8 })).toEqual(whole)
        const { order, pixels, theirLabels } = shuffled(set)
        const options = { targets, sampleIds: order, batchSize: 5 }
        const result = await attack.run(set.model, pixels, theirLabels, options)
        for (const [i, n] of order.entries()) {
          expect(imageOf(result.adversarial, i)).toEqual(imageOf(whole.adversarial, n))
          expect([result.targets![i], result.hit![i]]).toEqual([whole.targets![n], whole.hit![n]])
        }
        expect(whole.warnings).toEqual([])
      }
    },
  )

  it('is hit more often by a stronger attack', async () => {
    const hits = async (attack: Attack) => {
      const { hit } = await attack.run(set.model, set.images, set.labels, { targets: 'random' })
      return hit!.reduce((a, b) => a + b, 0)
    }
    const [weak, strong] = [await hits(fgsm({ eps })), await hits(apgd({ eps: 0.4 }))]
    expect(strong).toBeGreaterThan(weak)
    expect(strong).toBeGreaterThan(15)
  })
})

it('a targeted run stops with AbortError, and leaves no memory behind', () => {
  const attack = pgd({ eps: 0.1, steps: 8, loss: 'cw' })
  return checkAbort({
    ...attack,
    run: (model, images, labels, options) =>
      attack.run(model, images, labels, { ...options, targets: 'random' }),
  })
})

it('kept batches of other targets are refused', async () => {
  const kept = new Map()
  const journal = {
    read: async (key: string) => kept.get(key),
    write: async (key: string, _: Int32Array, outcome: unknown) => void kept.set(key, outcome),
  }
  const at = (targets?: AttackRunOptions['targets']) =>
    fgsm({ eps: 0.1 }).run(model, image, [label], { journal, targets })
  const first = await at([2])
  expect(await at([2])).toEqual(first)
  for (const targets of [[3], undefined]) {
    await expect(at(targets)).rejects.toMatchObject({ name: 'ConfigError', option: 'targets' })
  }
})
