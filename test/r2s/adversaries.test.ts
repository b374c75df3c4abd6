// The adversaries that know all tickets of a switch.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { insideThreat, threatModel } from '../../src/attacks/frame/threat-model.ts'
import { apgd, pgd } from '../../src/attacks/index.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { arc, ensembleLogits, ensembleProbs, eot, eotApgd, random } from '../../src/r2s/adversaries.ts'
import { evaluateR2S } from '../../src/r2s/evaluate.ts'
import { R2S } from '../../src/r2s/r2s.ts'
import type { SwitchAttack } from '../../src/r2s/switch-attack.ts'
import { Device } from '../../src/tensor/device.ts'
import { data, linearTicket, searchedTicket } from './small-tickets.ts'

const device = new Device({ threads: 2 })
let tickets: R2S['tickets']
beforeAll(async () => {
  const found = []
  for (const [k, ratio] of [0.3, 0.5, 0.7].entries()) {
    found.push(await searchedTicket(ratio, device, { weightSeed: 1, scoreSeed: k }))
  }
  tickets = new R2S(found).tickets
})

const imageSize = 64
const count = 61
const images = Float32Array.from(data.test.images, v => v / 255)
const labels = data.test.labels
const eps = 0.12
const ascents = [eot, ensembleLogits, ensembleProbs]

describe('on a single ticket', () => {
  it.each(ascents)('the images are those of PGD to the bit: $name', async make => {
    for (const [norm, size] of [
      ['linf', eps],
      ['l2', 0.8],
    ] as const) {
      const options = { eps: size, norm, steps: 4, restarts: 2 }
      const run = { seed: 3, sampleIds: Int32Array.from(labels, (_, n) => 2 * n), batchSize: 25 }
      const plain = await pgd(options).run(tickets[0], images, labels, run)
      const found = await make(options).run(tickets.slice(0, 1), images, labels, run)
      expect(found.adversarial).toEqual(plain.adversarial)
      // It leaves the images themselves to the evaluation.
      expect(found.forwards).toBe(plain.forwards - count)
      expect(found.backwards).toBe(plain.backwards)
    }
  })

  it('eot-apgd is apgd-ce to the bit', async () => {
    for (const [norm, size] of [
      ['linf', eps],
      ['l2', 0.8],
    ] as const) {
      const options = { eps: size, norm, steps: 12, restarts: 2 }
      const run = { seed: 3, batchSize: 25 }
      const { forwards, ...plain } = await apgd(options).run(tickets[0], images, labels, run)
      const found = await eotApgd(options).run(tickets.slice(0, 1), images, labels, run)
      expect(found.adversarial).toEqual(plain.adversarial)
      // It leaves the check of what it found to the evaluation.
      expect(found.forwards).toBe(forwards - count)
      expect(found.backwards).toBe(plain.backwards)
    }
  })

  it('a switch has the accuracy of that ticket under every one of them', async () => {
    const single = { tickets: tickets.slice(0, 1) }
    const { robust } = await pgd({ eps, steps: 4 }).run(tickets[0], images, labels)
    const share = robust.reduce((a, b) => a + b, 0) / count
    for (const make of ascents) {
      const report = await evaluateR2S(single, data.test, { adversary: make({ eps, steps: 4 }) })
      expect(report).toMatchObject({ robustAccuracy: share, worstTicket: share, allTickets: share })
    }
  })
})

const all: [string, () => SwitchAttack][] = [
  ['eot', () => eot({ eps, steps: 5 })],
  ['eot L2', () => eot({ eps: 0.8, norm: 'l2', steps: 5 })],
  ['ensemble of logits', () => ensembleLogits({ eps, steps: 5 })],
  ['ensemble of probabilities', () => ensembleProbs({ eps, steps: 5, restarts: 2 })],
  ['eot-apgd', () => eotApgd({ eps, steps: 8 })],
  ['eot-apgd L2', () => eotApgd({ eps: 0.8, norm: 'l2', steps: 8, restarts: 2 })],
  ['arc', () => arc({ eps, steps: 3 })],
  ['arc L2', () => arc({ eps: 0.8, norm: 'l2', steps: 3, stepSize: 0.4 })],
]
describe.each(all)('%s', (_, make) => {
  it('stays in ball and box', async () => {
    const extreme = images.map((v, i) => (i % 5 === 0 ? 0 : i % 7 === 0 ? 1 : v))
    const attack = make()
    const { adversarial } = await attack.run(tickets, extreme, labels)
    for (let n = 0; n < count; n++) {
      const [from, to] = [n * imageSize, (n + 1) * imageSize]
      const inside = insideThreat(
        extreme.subarray(from, to),
        adversarial.subarray(from, to),
        threatModel(attack),
      )
      expect(inside).toBe(true)
    }
  })

  it('lowers the expected accuracy below the natural one', async () => {
    const report = await evaluateR2S({ tickets }, data.test, { adversary: make() })
    expect(report.robustAccuracy).toBeLessThan(report.naturalAccuracy - 0.1)
  })

  it('does not depend on the batch size or the order of the images', async () => {
    const whole = await make().run(tickets, images, labels, { seed: 1 })
    const batched = await make().run(tickets, images, labels, { seed: 1, batchSize: 20 })
    expect(batched).toEqual(whole)
    const last = images.slice(50 * imageSize, 51 * imageSize)
    const alone = await make().run(tickets, last, [labels[50]], { seed: 1, sampleIds: [50] })
    expect(alone.adversarial).toEqual(whole.adversarial.slice(50 * imageSize, 51 * imageSize))
  })
})

it('each fools these tickets more than PGD on one of them, and ARC more than the paper’s adaptive attacks', async () => {
  const under = async (adversary: SwitchAttack) =>
    (await evaluateR2S({ tickets }, data.test, { adversary })).robustAccuracy
  const blind = await under(random(pgd({ eps, steps: 5 })))
  const strongest = await under(arc({ eps }))
  for (const make of ascents) {
    const adaptive = await under(make({ eps, steps: 5 }))
    expect(adaptive).toBeLessThan(blind)
    expect(strongest).toBeLessThan(adaptive - 0.2)
  }
})

it('more restarts never raise the number of tickets that are right about an image', async () => {
  const rightOf = async (restarts: number) => {
    const { matrix } = await evaluateR2S({ tickets }, data.test, {
      adversary: eot({ eps, steps: 2, restarts }),
    })
    return matrix[0].reduce((a, b) => a + b, 0)
  }
  expect(await rightOf(4)).toBeLessThanOrEqual(await rightOf(1))
})

/** The tickets that are right about each image, computed in double precision. */
function rightAbout(
  weights: readonly (readonly number[])[],
  biases: readonly number[],
  x: ArrayLike<number>,
) {
  return weights.filter((w, k) => w.reduce((sum, v, i) => sum + v * x[i], biases[k]) > 0).length
}

/** Two-class tickets: class 0 where w·x + b > 0. */
const binary = (weights: readonly (readonly number[])[], biases: readonly number[]): Classifier[] =>
  weights.map((w, k) => linearTicket([w, w.map(() => 0)], [biases[k], 0]))

describe('a step goes along the gradient of the loss that the attack is named after:', () => {
  const weights = [
    [
      [1, -2, 0.5],
      [0, 1, 1.5],
      [-1, 0.5, 2],
    ],
    [
      [0.5, 3, -1],
      [2, -1, 0],
      [-0.5, 1, 1],
    ],
  ]
  const biases = [
    [0.1, -0.2, 0],
    [0.3, 0, -0.4],
  ]
  const pair = weights.map((weight, k) => linearTicket(weight, biases[k]))
  const logitsAt = (k: number, x: readonly number[]) =>
    weights[k].map((w, c) => w.reduce((sum, v, i) => sum + v * x[i], biases[k][c]))
  const probability = (logits: readonly number[], label: number) =>
    Math.exp(logits[label]) / logits.reduce((sum, z) => sum + Math.exp(z), 0)
  const mean = (of: (k: number) => number) => (of(0) + of(1)) / 2
  const losses = {
    eot: (x: readonly number[], label: number) => mean(k => -Math.log(probability(logitsAt(k, x), label))),
    'ensemble-logits': (x: readonly number[], label: number) => {
      const averaged = [0, 1, 2].map(c => mean(k => logitsAt(k, x)[c]))
      return -Math.log(probability(averaged, label))
    },
    'ensemble-probs': (x: readonly number[], label: number) =>
      -Math.log(mean(k => probability(logitsAt(k, x), label))),
  }
  it.each([
    ['eot', eot],
    ['ensemble-logits', ensembleLogits],
    ['ensemble-probs', ensembleProbs],
  ] as const)('%s', async (name, make) => {
    const image = new Float32Array([0.5, 0.4, 0.6])
    const h = 1e-5
    for (const label of [0, 1, 2]) {
      const at = async (stepSize: number) => {
        const attack = make({ eps: 0.2, norm: 'l2', steps: 1, stepSize })
        return [...(await attack.run(pair, image, [label], { seed: label })).adversarial]
      }
      const [start, end] = [await at(0), await at(0.01)]
      const gradient = start.map((_, i) => {
        const moved = (by: number) => losses[name](start.with(i, start[i] + by), label)
        return (moved(h) - moved(-h)) / (2 * h)
      })
      const length = Math.hypot(...gradient)
      for (const [i, slope] of gradient.entries()) {
        expect((end[i] - start[i]) / 0.01).toBeCloseTo(slope / length, 4)
      }
    }
  })
})

describe('the averages differ:', () => {
  // Ticket 0 is sure of itself and barely moves in probability; ticket 1 wavers.
  const weights = [
    [40, 0],
    [-8, 0],
  ]
  const biases = [-10, 4]
  it('logits follow the ticket of large logits, probabilities the one that wavers', async () => {
    const image = new Float32Array([0.5, 0.5])
    const options = { eps: 0.1, steps: 8 }
    const found = async (attack: SwitchAttack) =>
      (await attack.run(binary(weights, biases), image, [0])).adversarial[0]
    expect(await found(ensembleLogits(options))).toBeCloseTo(0.4, 5)
    expect(await found(ensembleProbs(options))).toBeCloseTo(0.6, 5)
    expect(await found(eot(options))).toBeCloseTo(0.6, 5)
  })
})

describe('arc', () => {
  it('fools a ticket wherever one can be fooled, also where the gradients of EOT cancel', async () => {
    // Right between .4 and .6: who leaves it on either side fools one ticket.
    const pair = binary([[1], [-1]], [-0.4, 0.6])
    const image = new Float32Array([0.5])
    const { adversarial } = await arc({ eps: 0.15 }).run(pair, image, [0])
    expect(Math.abs(adversarial[0] - 0.5)).toBeCloseTo(0.15, 6)
    const below = await arc({ eps: 0.099 }).run(pair, image, [0])
    expect(rightAbout([[1], [-1]], [-0.4, 0.6], below.adversarial)).toBe(2)
  })

  it('on linear tickets fools at least one that is within reach, and never makes a wrong one right', async () => {
    const number = fc.double({ min: -1, max: 1, noNaN: true })
    const ticket = fc.record({ w: fc.array(number, { minLength: 4, maxLength: 4 }), b: number })
    await fc.assert(
      fc.asyncProperty(
        fc.array(ticket, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('linf' as const, 'l2' as const),
        async (made, norm) => {
          const weights = made.map(({ w }) => w)
          const image = new Float32Array(4).fill(0.5)
          const margins = made.map(({ w, b }) => w.reduce((sum, v) => sum + v / 2, b))
          const size = norm === 'linf' ? 0.2 : 0.4
          const norms = weights.map(w =>
            norm === 'linf' ? w.reduce((sum, v) => sum + Math.abs(v), 0) : Math.hypot(...w),
          )
          // Rounding decides at the boundary itself.
          fc.pre(margins.every((m, k) => norms[k] > 0.05 && Math.abs(Math.abs(m) - size * norms[k]) > 1e-4))
          fc.pre(margins.every(m => Math.abs(m) > 1e-4))
          const biases = made.map(({ b }) => b)
          const attack = arc({ eps: size, norm, steps: 3 })
          const { adversarial } = await attack.run(binary(weights, biases), image, [0])
          const before = margins.filter(m => m > 0).length
          const after = rightAbout(weights, biases, adversarial)
          expect(after).toBeLessThanOrEqual(before)
          const reachable = margins.some((m, k) => m > 0 && m < size * norms[k])
          const wrong = margins.some(m => m < 0)
          if (reachable && !wrong) expect(after).toBeLessThan(before)
        },
      ),
      { seed: 2, numRuns: 150 },
    )
  })

  it('finds the point that fools two tickets at once', async () => {
    const weights = [
      [1, 0],
      [0, 1],
    ]
    const biases = [-0.4, -0.4]
    const image = new Float32Array([0.5, 0.5])
    const pair = binary(weights, biases)
    // Each is 0.1 away, both are 0.1·√2 away.
    const near = await arc({ eps: 0.16, norm: 'l2' }).run(pair, image, [0])
    expect(rightAbout(weights, biases, near.adversarial)).toBe(0)
    const far = await arc({ eps: 0.13, norm: 'l2' }).run(pair, image, [0])
    expect(rightAbout(weights, biases, far.adversarial)).toBe(1)
  })

  it('leaves alone what every ticket gets wrong, and stops once nothing moves', async () => {
    const pair = binary([[1], [-1]], [-2, -2])
    const image = new Float32Array([0.5])
    const { adversarial, forwards, backwards } = await arc({ eps: 0.1 }).run(pair, image, [0])
    expect(adversarial).toEqual(image)
    expect([forwards, backwards]).toEqual([2, 0])
  })

  it('looks at every boundary that is asked for, and takes the nearest in distance, not in logits', async () => {
    // Class 1 is next by logit but its boundary is far; class 2 is near.
    const ticket = linearTicket(
      [
        [0, 0],
        [0.1, 0],
        [0, 4],
      ],
      [0.2, 0.1, -2],
    )
    const image = new Float32Array([0.5, 0.5])
    const run = (boundaries: number) => arc({ eps: 0.1, norm: 'l2', boundaries }).run([ticket], image, [0])
    const [wide, narrow] = [await run(2), await run(1)]
    expect([...wide.adversarial]).toEqual([expect.closeTo(0.5, 5), expect.closeTo(0.6, 5)])
    expect([...narrow.adversarial]).toEqual([expect.closeTo(0.6, 5), expect.closeTo(0.5, 5)])
  })

  it('counts its passes', async () => {
    const passes = [0, 0]
    const counted = tickets.slice(0, 2).map(
      (ticket, k): Classifier => ({
        numClasses: 4,
        inputShape: [1, 8, 8],
        logits: x => {
          passes[k] += x.shape[0]
          return ticket.logits(x)
        },
      }),
    )
    const shared = counted.map(model => ({ ...model, device }))
    const { forwards, backwards } = await arc({ eps, steps: 2 }).run(shared, images, labels)
    expect(forwards).toBe(passes[0] + passes[1])
    expect(backwards).toBeGreaterThan(0)
    expect(backwards).toBeLessThanOrEqual(2 * 2 * 3 * count)
  })
})

describe('is refused:', () => {
  it.each([
    ['eps', () => eot({ eps: 8 })],
    ['steps', () => ensembleLogits({ eps, steps: 0 })],
    ['restarts', () => ensembleProbs({ eps, restarts: 0 })],
    ['stepSize', () => eot({ eps, stepSize: -1 })],
    ['eps', () => arc({ eps: -1 })],
    ['steps', () => arc({ eps, steps: 0.5 })],
    ['stepSize', () => arc({ eps, stepSize: -1 })],
    ['rho', () => arc({ eps, rho: -1 })],
    ['boundaries', () => arc({ eps, boundaries: 0 })],
  ])('a bad %s', (option, make) => {
    expect(make).toThrow(expect.objectContaining({ name: 'ConfigError', option }))
  })
})
