// CW-L2: closed forms on linear models, and what holds on any model.
import { beforeAll, describe, expect, it } from 'vitest'
import { type CwL2Options, cwL2 } from '../../src/attacks/cw-l2.ts'
import { fab } from '../../src/attacks/fab.ts'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { distance, insideThreat, threatModel } from '../../src/attacks/frame/threat-model.ts'
import { pgd } from '../../src/attacks/pgd.ts'
import { ConfigError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { linearClassifier } from './linear-classifier.ts'
import { linearLogits, minimalDistance, multiclassLinear, randomLinearModel } from './multiclass-linear.ts'
import { checkAbort, imageOf, shuffled, type TrainedStripes, trainStripes } from './trained-stripes.ts'

const anyDistance = Number.POSITIVE_INFINITY
/** Enough for images of a few pixels. */
const quick = { eps: anyDistance, iterations: 300, initialConst: 0.1 }

describe('a linear model of two classes', () => {
  const w = [1, -2, 0.5, 0]
  const model = linearClassifier(w, 0.35)
  const image = new Float32Array([0.5, 0.5, 0.5, 0.5])
  const minimal = 0.1 / Math.hypot(...w)

  it('is fooled within 1 % of the minimal distance |g| / ‖w‖₂, and never nearer', async () => {
    const { distances, robust, adversarial, bestLoss } = await cwL2(quick).run(model, image, [0])
    expect(robust[0]).toBe(0)
    expect(distances![0] / minimal).toBeGreaterThanOrEqual(1 - 1e-6)
    expect(distances![0] / minimal).toBeLessThan(1.01)
    expect(distance(image, adversarial, 'l2')).toBe(distances![0])
    expect(bestLoss[0]).toBe(Math.fround(-distances![0]))
  })

  it('counts as fooled only within eps, whatever was found', async () => {
    const above = await cwL2({ ...quick, eps: 1.01 * minimal }).run(model, image, [0])
    const below = await cwL2({ ...quick, eps: 0.999 * minimal }).run(model, image, [0])
    expect([above.robust[0], below.robust[0]]).toEqual([0, 1])
    expect(below.distances).toEqual(above.distances)
    expect(below.adversarial).toEqual(image)
  })

  it('is fooled by the confidence at the distance (|g| + confidence) / ‖w‖₂', async () => {
    const { distances, adversarial } = await cwL2({ ...quick, confidence: 0.5 }).run(model, image, [0])
    const ratio = distances![0] / ((0.1 + 0.5) / Math.hypot(...w))
    expect(ratio).toBeGreaterThanOrEqual(1 - 1e-6)
    expect(ratio).toBeLessThan(1.03)
    expect(w.reduce((sum, weight, i) => sum + weight * adversarial[i], 0.35)).toBeLessThanOrEqual(-0.5 + 1e-6)
  })

  it('that no image fools has distance Infinity and stays as it is', async () => {
    const { robust, distances, bestLoss, adversarial } = await cwL2({ ...quick, searchSteps: 3 }).run(
      linearClassifier([1, 1], 1),
      new Float32Array([0.5, 0]),
      [0],
    )
    expect([robust[0], distances![0], bestLoss[0]]).toEqual([1, Infinity, -Infinity])
    expect([...adversarial]).toEqual([0.5, 0])
  })
})

it.each([3, 4, 5])(
  'a linear model of %i classes is fooled near the minimal distance, and never nearer',
  async classes => {
    const features = 8
    const linear = randomLinearModel(classes, features, classes)
    const images = Array.from({ length: 40 }, (_, n) =>
      Float32Array.from({ length: features }, (_, i) => 0.4 + ((n * (i + 3) + i * i) % 25) / 128),
    )
    const labels = images.map(image => {
      const logits = linearLogits(linear, image)
      return logits.indexOf(Math.max(...logits))
    })
    const pixels = Float32Array.from(images.flatMap(image => [...image]))
    const { distances } = await cwL2(quick).run(multiclassLinear(linear), pixels, labels)
    const ratios = images
      .map((image, n) => [minimalDistance(linear, image, labels[n], 'l2'), distances![n]])
      .filter(([minimal]) => minimal > 0.01 && minimal < 0.4)
      .map(([minimal, found]) => found / minimal)
    expect(ratios.length).toBeGreaterThan(10)
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(1 - 1e-5)
    expect(Math.max(...ratios)).toBeLessThan(1.03)
  },
)

describe('the search for the constant', () => {
  const model = linearClassifier([1, -2, 0.5, 0], 0.35)
  const image = new Float32Array(4).fill(0.5)
  const found = async (options: Partial<CwL2Options>) =>
    (await cwL2({ ...quick, ...options }).run(model, image, [0])).distances![0]

  it('raises it tenfold until the model is fooled', async () => {
    // The boundary is reached where c times the margin's gradient, w, outweighs that of the distance, 2·g·w / ‖w‖²:
    // from c = 0.038 on.
    expect(await found({ initialConst: 1e-4, searchSteps: 3 })).toBe(Infinity)
    expect(await found({ initialConst: 1e-4, searchSteps: 4 })).toBeLessThan(1)
  })

  it('then halves the interval, which brings the image nearer', async () => {
    const distances = []
    for (const searchSteps of [1, 3, 6]) distances.push(await found({ initialConst: 100, searchSteps }))
    expect(distances).toEqual([...distances].sort((a, b) => b - a))
    expect(distances[2]).toBeLessThan(distances[0])
  })
})

describe('a trained network', () => {
  let set: TrainedStripes
  beforeAll(async () => {
    set = await trainStripes(11)
  })
  const run = (attack: Attack, options?: AttackRunOptions) =>
    attack.run(set.model, set.images, set.labels, options)
  const search = { searchSteps: 4, iterations: 50, initialConst: 0.1, learningRate: 0.02 }

  it('is fooled at any distance on every image, inside the box and at the distances given', async () => {
    const { adversarial, robust, distances, warnings } = await run(cwL2({ ...search, eps: anyDistance }))
    expect(warnings).toEqual([])
    expect(robust).toEqual(new Uint8Array(set.count))
    expect(adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
    for (const [n, right] of set.right.entries()) {
      const moved = distance(imageOf(set.images, n), imageOf(adversarial, n), 'l2')
      expect(distances![n]).toBe(moved)
      if (right) expect(moved).toBeGreaterThan(0)
      else expect(moved).toBe(0)
    }
  })

  it('is as good as on the images themselves at eps 0, and is fooled inside the ball of a larger eps', async () => {
    const nothing = await run(cwL2({ ...search, eps: 0, searchSteps: 1 }))
    expect([...nothing.robust]).toEqual(set.right)
    expect(nothing.adversarial).toEqual(set.images)
    const free = await run(cwL2({ ...search, eps: anyDistance }))
    const median = [...free.distances!].sort((a, b) => a - b)[Math.floor(set.count / 2)]
    const { robust, distances } = await run(cwL2({ ...search, eps: median }))
    expect(distances).toEqual(free.distances)
    expect([...robust]).toEqual([...distances!].map(d => (d <= median ? 0 : 1)))
    expect(robust).toContain(1)
  })

  it('is fooled about as near as by FAB', async () => {
    const cw = await run(cwL2({ eps: anyDistance, searchSteps: 6, iterations: 100, initialConst: 0.1 }))
    const { distances } = await run(fab({ eps: 1e-9, norm: 'l2', steps: 20 }))
    const ratios = [...cw.distances!].map((d, n) => d / distances![n]).filter((_, n) => set.right[n])
    ratios.sort((a, b) => a - b)
    expect(ratios[Math.floor(ratios.length / 2)]).toBeGreaterThan(0.9)
    expect(ratios[Math.floor(ratios.length / 2)]).toBeLessThan(1.1)
  })

  it('gives the same, to the bit, in any batch size and order', async () => {
    const attack = cwL2({ ...search, eps: 1, searchSteps: 2, iterations: 30 })
    const whole = await run(attack)
    for (const batchSize of [1, 4]) expect(await run(attack, { batchSize })).toEqual(whole)
    const { order, pixels, theirLabels } = shuffled(set)
    const result = await attack.run(set.model, pixels, theirLabels, { sampleIds: order, batchSize: 5 })
    for (const [i, n] of order.entries()) {
      expect(imageOf(result.adversarial, i)).toEqual(imageOf(whole.adversarial, n))
      expect(result.distances![i]).toBe(whole.distances![n])
    }
  })

  it('has no accuracy left in an evaluation without budget', async () => {
    const split = {
      images: Uint8Array.from(set.images, v => 255 * v),
      labels: Int32Array.from(set.labels),
      size: set.count,
    }
    const attack = cwL2({ ...search, eps: anyDistance })
    const { naturalAccuracy, attacks } = await evaluate(set.model, split, { attacks: [attack] })
    expect(naturalAccuracy).toBeGreaterThan(0.5)
    expect(attacks[0]).toMatchObject({
      name: 'cw-l2',
      norm: 'l2',
      eps: Infinity,
      robustAccuracy: 0,
      warnings: [],
    })
  })
})

describe('a run', () => {
  it('stops with AbortError in the middle of a batch, and leaves no memory behind', () =>
    checkAbort(cwL2({ eps: 1, searchSteps: 2, iterations: 10 })))
})

describe('passes', () => {
  const image = new Float32Array(4).fill(0.5)
  const passes = async (options: Partial<CwL2Options>, label = 0, bias = 0.35) => {
    const model = linearClassifier([1, -2, 0.5, 0], bias)
    let images = 0
    const counted: Classifier = {
      ...model,
      logits: x => {
        images += x.shape[0]
        return model.logits(x)
      },
    }
    const { forwards, backwards } = await cwL2({ eps: 1, ...options }).run(counted, image, [label])
    expect(forwards).toBe(images)
    return [forwards, backwards]
  }

  it('of an image whose loss keeps falling: one of each for each iteration of each search step', async () => {
    // Ten iterations move so little that the margin falls throughout.
    const options = { learningRate: 1e-3, iterations: 10, initialConst: 10 }
    expect(await passes({ ...options, searchSteps: 3 })).toEqual([1 + 30 + 1, 30])
    expect(await passes({ ...options, searchSteps: 11 })).toEqual([1 + 110 + 1, 110])
  })

  it('of an image whose loss stays: each search step ends at the second check, a tenth of the iterations on', async () => {
    // At the image itself no step makes the loss smaller: c is far too small.
    const options = { initialConst: 1e-9, iterations: 50, searchSteps: 2 }
    expect(await passes(options, 0, 20)).toEqual([1 + 2 * 6 + 1, 2 * 6])
  })

  it('of an image that is wrong from the start: the two that find that', async () => {
    expect(await passes({}, 1)).toEqual([2, 0])
  })
})

describe('options', () => {
  it('an eps of Infinity is for attacks that ask for it', () => {
    const threat = threatModel({ eps: anyDistance, norm: 'l2', anyDistance: true })
    expect(insideThreat(new Float32Array(4), new Float32Array(4).fill(1), threat)).toBe(true)
    expect(insideThreat(new Float32Array(4), new Float32Array(4).fill(1.1), threat)).toBe(false)
    expect(() => threatModel({ eps: anyDistance, norm: 'l2' })).toThrow(
      /eps of at least 0 but received Infinity/,
    )
    expect(() => threatModel({ eps: anyDistance })).toThrow(/eps from 0 to 1/)
    expect(threatModel({ eps: anyDistance, anyDistance: true }).eps).toBe(anyDistance)
    expect(() => pgd({ eps: anyDistance, norm: 'l2' })).toThrow(ConfigError)
  })

  const cases: [string, Partial<CwL2Options>, string, RegExp][] = [
    ['no searchSteps', { searchSteps: 0 }, 'searchSteps', /at least 1 for searchSteps/],
    ['no iterations', { iterations: 0 }, 'iterations', /at least 1 for iterations/],
    [
      'a learningRate of 0',
      { learningRate: 0 },
      'learningRate',
      /above 0 for learningRate of cwL2 but received 0/,
    ],
    [
      'an initialConst of 0',
      { initialConst: 0 },
      'initialConst',
      /above 0 for initialConst of cwL2 but received 0/,
    ],
    [
      'a confidence below 0',
      { confidence: -1 },
      'confidence',
      /at least 0 for confidence of cwL2 but received -1/,
    ],
    [
      'an eps below 0',
      { eps: -1 },
      'eps',
      /at least 0, or Infinity for any distance, for eps of cwL2 but received -1/,
    ],
  ]
  it.each(cases)('that are bad are a ConfigError that names them: %s', (_, options, option, sentence) => {
    const make = () => cwL2({ eps: 1, ...options })
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(make).toThrow(sentence)
  })
})
