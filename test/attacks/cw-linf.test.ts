// PGD on the CW margin: closed forms on linear models, and what holds on any model.
import { beforeAll, describe, expect, it } from 'vitest'
import { type CwLinfOptions, cwLinf } from '../../src/attacks/cw-linf.ts'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { distance } from '../../src/attacks/frame/threat-model.ts'
import { pgd } from '../../src/attacks/pgd.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { linearClassifier } from './linear-classifier.ts'
import { checkAbort, imageOf, shuffled, type TrainedStripes, trainStripes } from './trained-stripes.ts'

describe('a linear model of two classes', () => {
  const w = [1, -2, 0.5, 0]
  const model = linearClassifier(w, 0.35)
  const image = new Float32Array([0.5, 0.5, 0.5, 0.5])
  const minimal = 0.1 / 3.5

  it('is fooled just above the minimal distance and never below', async () => {
    const above = await cwLinf({ eps: 1.001 * minimal }).run(model, image, [0])
    const below = await cwLinf({ eps: 0.999 * minimal, restarts: 5 }).run(model, image, [0])
    expect([above.robust[0], below.robust[0]]).toEqual([0, 1])
  })

  it('ends in the worst corner of the ball, whose loss is the negative margin there less kappa', async () => {
    const eps = 0.02
    for (const kappa of [undefined, 0, 7]) {
      const { adversarial, bestLoss } = await cwLinf({ eps, kappa }).run(model, image, [0])
      for (const [i, weight] of w.entries()) {
        if (weight !== 0) expect(adversarial[i]).toBeCloseTo(0.5 - eps * Math.sign(weight), 6)
      }
      expect(bestLoss[0]).toBeCloseTo(-(0.1 - 3.5 * eps) - (kappa ?? 50), 5)
    }
  })

  it('is approached by steps of stepSize from a random start in the ball', async () => {
    const images = new Float32Array(4 * 100).fill(0.5)
    const attack = cwLinf({ eps: 0.02, steps: 1, stepSize: 0.005 })
    const { adversarial } = await attack.run(model, images, new Array(100).fill(0))
    const moved = Array.from({ length: 100 }, (_, n) => 0.5 - adversarial[4 * n])
    // From u in [−eps, eps] to min(u + stepSize, eps).
    expect(Math.min(...moved)).toBeGreaterThan(-0.0151)
    expect(Math.min(...moved)).toBeLessThan(-0.012)
    expect(Math.max(...moved)).toBeCloseTo(0.02, 6)
  })
})

describe('a trained network', () => {
  let set: TrainedStripes
  beforeAll(async () => {
    set = await trainStripes(21)
  })
  const run = (attack: Attack, options?: AttackRunOptions) =>
    attack.run(set.model, set.images, set.labels, options)

  it('is fooled inside ball and box; an image that is wrong from the start is left as it is', async () => {
    const { adversarial, robust, warnings } = await run(cwLinf({ eps: 0.06, restarts: 2 }))
    expect(warnings).toEqual([])
    expect(adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
    for (const [n, right] of set.right.entries()) {
      const moved = distance(imageOf(set.images, n), imageOf(adversarial, n), 'linf')
      expect(moved).toBeLessThanOrEqual(0.06 + 1e-6)
      if (right) expect(moved).toBeGreaterThan(0.03)
      else expect([moved, robust[n]]).toEqual([0, 0])
    }
    expect(robust).toContain(1)
    expect([...robust].filter((flag, n) => !flag && set.right[n]).length).toBeGreaterThan(3)
  })

  it('gives the same, to the bit, in any batch size and order, but not for another seed', async () => {
    const attack = cwLinf({ eps: 0.06, steps: 5, restarts: 2 })
    const whole = await run(attack)
    for (const batchSize of [1, 8]) expect(await run(attack, { batchSize })).toEqual(whole)
    const { order, pixels, theirLabels } = shuffled(set)
    const result = await attack.run(set.model, pixels, theirLabels, { sampleIds: order, batchSize: 5 })
    for (const [i, n] of order.entries()) {
      expect(imageOf(result.adversarial, i)).toEqual(imageOf(whole.adversarial, n))
      expect(result.bestLoss[i]).toBe(whole.bestLoss[n])
    }
    expect((await run(attack, { seed: 1 })).adversarial).not.toEqual(whole.adversarial)
  })

  it('is as good as on the images themselves at eps 0, useless at eps 1, and never better at a larger eps', async () => {
    const results = []
    for (const eps of [0, 0.02, 0.06, 1]) results.push(await run(cwLinf({ eps })))
    expect([...results[0].robust]).toEqual(set.right)
    expect(results[0].adversarial).toEqual(set.images)
    const accuracies = results.map(({ robust }) => robust.reduce((sum, flag) => sum + flag, 0))
    expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a))
    expect(accuracies[3]).toBe(0)
  })

  it('is fooled no less often by more restarts, and about as often as by PGD on cross-entropy', async () => {
    const [once, more] = [
      await run(cwLinf({ eps: 0.04, steps: 3 })),
      await run(cwLinf({ eps: 0.04, steps: 3, restarts: 4 })),
    ]
    for (const [n, flag] of more.robust.entries()) {
      expect(flag).toBeLessThanOrEqual(once.robust[n])
      if (flag) expect(more.bestLoss[n]).toBeGreaterThanOrEqual(once.bestLoss[n])
    }
    const accuracy = async (attack: Attack) => (await run(attack)).robust.reduce((sum, flag) => sum + flag, 0)
    const difference = (await accuracy(cwLinf({ eps: 0.04 }))) - (await accuracy(pgd({ eps: 0.04 })))
    expect(Math.abs(difference)).toBeLessThanOrEqual(2)
  })
})

describe('a run', () => {
  it('stops with AbortError in the middle of a batch, and leaves no memory behind', () =>
    checkAbort(cwLinf({ eps: 0.02 })))
})

describe('passes', () => {
  const passes = async (options: CwLinfOptions, label = 0) => {
    const model = linearClassifier([1, -2, 0.5, 0], 0.35)
    let images = 0
    const counted: Classifier = {
      ...model,
      logits: x => {
        images += x.shape[0]
        return model.logits(x)
      },
    }
    const { forwards, backwards } = await cwLinf(options).run(counted, new Float32Array(4).fill(0.5), [label])
    expect(forwards).toBe(images)
    return [forwards, backwards]
  }

  it('of an image that is never fooled: steps + 1 and steps for each restart, one before and one after', async () => {
    expect(await passes({ eps: 0.02 })).toEqual([1 + 21 + 1, 20])
    expect(await passes({ eps: 0.02, steps: 7, restarts: 3 })).toEqual([1 + 3 * 8 + 1, 3 * 7])
  })

  it('of an image that is fooled: until then', async () => {
    // From anywhere in the ball one step of 2·eps leads to the worst corner.
    const [forwards, backwards] = await passes({ eps: 0.03, stepSize: 0.06, restarts: 9 })
    expect([4, 3]).toContain(forwards)
    expect([2, 1]).toContain(backwards)
  })

  it('of an image that is wrong from the start: the two that find that', async () => {
    expect(await passes({ eps: 0.1 }, 1)).toEqual([2, 0])
  })
})

describe('bad options are a ConfigError that names them:', () => {
  const cases: [string, Partial<CwLinfOptions>, string, RegExp][] = [
    ['no steps', { steps: 0 }, 'steps', /at least 1 for steps/],
    ['no restarts', { restarts: 0 }, 'restarts', /at least 1 for restarts/],
    ['a kappa below 0', { kappa: -1 }, 'kappa', /at least 0 for kappa of cwLinf but received -1/],
    ['a stepSize below 0', { stepSize: -1 }, 'stepSize', /stepSize/],
    ['an eps above 1', { eps: 8 }, 'eps', /did you mean 8\/255\?/],
  ]
  it.each(cases)('%s', (_, options, option, sentence) => {
    const make = () => cwLinf({ eps: 0.1, ...options })
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(make).toThrow(sentence)
  })
})
