// FAB: closed forms on linear models, and what holds on any model.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type FabOptions, fab } from '../../src/attacks/fab.ts'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { distance } from '../../src/attacks/frame/threat-model.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { linearClassifier } from './linear-classifier.ts'
import { linearLogits, minimalDistance, multiclassLinear, randomLinearModel } from './multiclass-linear.ts'
import { checkAbort, imageOf, shuffled, type TrainedStripes, trainStripes } from './trained-stripes.ts'

const norms = ['linf', 'l2'] as const
/** Too small to find anything within, so that each target is searched for all steps. */
const never = 1e-9
/** Of the distances found to the minimal one: after one step, and after two or more. */
const onceBeyond = 1.05
const thenNear = 1.0052165

describe('a linear model of two classes', () => {
  const w = [1, -2, 0.5, 0]
  const model = linearClassifier(w, 0.35)
  const image = new Float32Array([0.5, 0.5, 0.5, 0.5])
  const distanceOf = async (options: Omit<FabOptions, 'eps'>) =>
    (await fab({ eps: never, ...options }).run(model, image, [0])).distances![0]

  it.each(norms)(
    'is left at 1.05 times the minimal distance in one step, 1.0052 times in two: %s',
    async norm => {
      const minimal = norm === 'linf' ? 0.1 / 3.5 : 0.1 / Math.sqrt(5.25)
      for (const targeted of [true, false]) {
        expect((await distanceOf({ norm, targeted, steps: 1 })) / minimal).toBeCloseTo(onceBeyond, 5)
        expect((await distanceOf({ norm, targeted, steps: 2 })) / minimal).toBeCloseTo(thenNear, 5)
      }
    },
  )

  it('is fooled within eps from 1.0052 times the minimal distance, and then says so', async () => {
    const minimal = 0.1 / 3.5
    const above = await fab({ eps: 1.0054 * minimal }).run(model, image, [0])
    const below = await fab({ eps: 1.0051 * minimal }).run(model, image, [0])
    expect([...above.robust, ...below.robust]).toEqual([0, 1])
    expect(above.distances).toEqual(below.distances)
    expect(above.bestLoss[0]).toBe(Math.fround(-above.distances![0]))
    expect(distance(image, above.adversarial, 'linf')).toBe(above.distances![0])
    expect(below.adversarial).toEqual(image)
  })
})

describe('a linear model of several classes', () => {
  const problems = fc.record({
    seed: fc.integer({ min: 0, max: 10_000 }),
    classes: fc.integer({ min: 2, max: 5 }),
    norm: fc.constantFrom(...norms),
    targeted: fc.boolean(),
    edges: fc.boolean(),
  })

  it('is fooled at 1 to 1.0052 times the minimal distance, up to 1.05 times where pixels reach the box', async () => {
    await fc.assert(
      fc.asyncProperty(problems, async ({ seed, classes, norm, targeted, edges }) => {
        const features = 12
        const linear = randomLinearModel(classes, features, seed)
        const image = Float32Array.from({ length: features }, (_, i) =>
          edges ? [0, 1, 0.125, 0.5, 0.96875][(seed + i * i) % 5] : 0.5 + ((seed + 7 * i) % 5) / 64,
        )
        const logits = linearLogits(linear, image)
        const label = logits.indexOf(Math.max(...logits))
        const minimal = minimalDistance(linear, image, label, norm)
        fc.pre(minimal > 0.01)
        const attack = fab({ eps: never, norm, targeted, steps: 6 })
        const { distances } = await attack.run(multiclassLinear(linear), image, [label])
        const ratio = distances![0] / minimal
        expect(ratio).toBeGreaterThan(1 - 1e-5)
        // No pixel moves by more than the distance, so that none comes near an edge.
        if (!edges && minimal < 0.4) expect(ratio).toBeLessThan(thenNear + 1e-5)
        // Untargeted, the class is chosen without regard to the box and need not be the nearest.
        else if (targeted) expect(ratio).toBeLessThan(onceBeyond + 1e-5)
      }),
      { seed: 4, numRuns: 60 },
    )
  })

  it('with one pixel at its edge: 1.05 and 1.0052 times the distance that the others need', async () => {
    const model = linearClassifier([1, 1, 1], -0.5)
    const image = new Float32Array([0, 0.5, 0.5])
    for (const [norm, minimal] of [
      ['linf', 0.25],
      ['l2', 0.25 * Math.SQRT2],
    ] as const) {
      for (const [steps, ratio] of [
        [1, onceBeyond],
        [3, thenNear],
      ]) {
        const { distances } = await fab({ eps: never, norm, steps }).run(model, image, [0])
        expect(distances![0] / minimal).toBeCloseTo(ratio, 5)
      }
    }
  })

  it('that no point of the box fools has distance Infinity and stays as it is', async () => {
    const image = new Float32Array([0.5, 0.5])
    for (const norm of norms) {
      const attack = fab({ eps: 1, norm, steps: 5, restarts: 3 })
      const { robust, distances, bestLoss, adversarial } = await attack.run(
        linearClassifier([1, 1], 1),
        image,
        [0],
      )
      expect([robust[0], distances![0], bestLoss[0]]).toEqual([1, Infinity, -Infinity])
      expect(adversarial).toEqual(image)
    }
  })

  it('has the distance of the nearest of all targets, also where a farther one is within eps', async () => {
    // The likelier class 1 is 0.5 away, class 2 is 0.125 away.
    const linear = {
      weights: [
        [1, 1],
        [0.5, 1],
        [-7, 1],
      ],
      biases: [0, 0, 3],
    }
    const image = new Float32Array([0.5, 0.5])
    for (const eps of [0, 0.2, 0.6, 1, Infinity]) {
      const { distances } = await fab({ eps, steps: 10 }).run(multiclassLinear(linear), image, [0])
      expect(distances![0] / 0.125).toBeCloseTo(thenNear, 5)
    }
  })

  it('is searched towards as many targets as asked, the largest logits first', async () => {
    // Class 1 is likelier than class 2, but farther away: only the way to black meets it.
    const linear = {
      weights: [
        [1, 1],
        [0.5, 1],
        [-7, 1],
      ],
      biases: [0, 0, 3],
    }
    const model = multiclassLinear(linear)
    const image = new Float32Array([0.5, 0.5])
    const distanceTo = async (options: Partial<FabOptions>) =>
      (await fab({ eps: never, steps: 10, ...options }).run(model, image, [0])).distances![0]
    expect(await distanceTo({ targets: 1 })).toBe(0.5)
    const nearest = (0.5 * 8 - 3) / 8
    for (const options of [{ targets: 2 }, {}, { targeted: false }]) {
      expect((await distanceTo(options)) / nearest).toBeCloseTo(thenNear, 5)
    }
  })
})

describe('a trained network', () => {
  let set: TrainedStripes
  beforeAll(async () => {
    set = await trainStripes(21)
  })
  const run = (attack: Attack, options?: AttackRunOptions, classifier: Classifier = set.model) =>
    attack.run(classifier, set.images, set.labels, options)

  const attacks: [string, Attack][] = norms.flatMap(norm =>
    [true, false].map((targeted): [string, Attack] => {
      const eps = norm === 'linf' ? 0.1 : 0.7
      const attack = fab({ eps, norm, targeted, steps: 6, restarts: 2 })
      return [`${attack.name} ${norm}`, attack]
    }),
  )

  it.each(attacks)('is fooled inside ball and box, at the distances given: %s', async (_, attack) => {
    const { adversarial, robust, distances, warnings } = await run(attack)
    expect(warnings).toEqual([])
    expect(adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
    let fooled = 0
    for (const [n, wasRight] of set.right.entries()) {
      const moved = distance(imageOf(set.images, n), imageOf(adversarial, n), attack.norm)
      expect(robust[n]).toBe(distances![n] <= attack.eps ? 0 : 1)
      expect(moved).toBe(robust[n] ? 0 : distances![n])
      if (!wasRight) expect(distances![n]).toBe(0)
      else if (!robust[n]) fooled++
    }
    expect(fooled).toBeGreaterThan(3)
  })

  it.each(attacks)('gives the same, to the bit, in any batch size and order: %s', async (_, attack) => {
    const whole = await run(attack)
    for (const batchSize of [1, 8]) expect(await run(attack, { batchSize })).toEqual(whole)
    const { order, pixels, theirLabels } = shuffled(set)
    const result = await attack.run(set.model, pixels, theirLabels, { sampleIds: order, batchSize: 5 })
    for (const [i, n] of order.entries()) {
      expect(imageOf(result.adversarial, i)).toEqual(imageOf(whole.adversarial, n))
      expect(result.distances![i]).toBe(whole.distances![n])
    }
  })

  it('is as good as on the images themselves at eps 0', async () => {
    for (const norm of norms) {
      const { robust, adversarial } = await run(fab({ eps: 0, norm, steps: 4 }))
      expect([...robust]).toEqual(set.right)
      expect(adversarial).toEqual(set.images)
    }
  })

  it('is fooled no more often by fewer steps, targets or restarts', async () => {
    for (const norm of norms) {
      const full = { eps: norm === 'linf' ? 0.03 : 0.25, norm, steps: 8, restarts: 3 }
      const { robust } = await run(fab(full))
      for (const fewer of [{ steps: 2 }, { targets: 1 }, { restarts: 1 }]) {
        const weaker = await run(fab({ ...full, ...fewer }))
        for (const [n, flag] of robust.entries()) expect(weaker.robust[n]).toBeGreaterThanOrEqual(flag)
      }
    }
  })

  it.each(attacks)(
    'has distances that do not depend on eps, each that of the nearest image: %s',
    async (_, { norm, name }) => {
      const at = (eps: number) => run(fab({ eps, norm, targeted: name === 'fab-t', steps: 6, restarts: 3 }))
      const any = await at(Number.POSITIVE_INFINITY)
      for (const eps of [0, 0.03, 0.1, 1]) {
        const { distances, robust, adversarial } = await at(eps)
        expect(distances).toEqual(any.distances)
        for (const [n, d] of distances!.entries()) {
          expect(robust[n]).toBe(d <= eps ? 0 : 1)
          const nearest = imageOf(d <= eps ? any.adversarial : set.images, n)
          expect(imageOf(adversarial, n)).toEqual(nearest)
        }
      }
      for (const [n, d] of any.distances!.entries()) {
        expect(any.robust[n]).toBe(0)
        expect(distance(imageOf(set.images, n), imageOf(any.adversarial, n), norm)).toBe(d)
      }
    },
  )

  it('until it is fooled, the same images are fooled by fewer passes, and no distances are given', async () => {
    for (const norm of norms) {
      const options = { eps: norm === 'linf' ? 0.1 : 0.7, norm, steps: 6 }
      const [whole, stopped] = [await run(fab(options)), await run(fab({ ...options, untilFooled: true }))]
      expect(stopped.robust).toEqual(whole.robust)
      expect(stopped.distances).toBeUndefined()
      expect(stopped.forwards).toBeLessThan(whole.forwards)
      for (const [n, loss] of stopped.bestLoss.entries()) expect(loss).toBeLessThanOrEqual(whole.bestLoss[n])
    }
  })

  it('is attacked the same when its logits are 1024 times larger, and nearly so at 1000 times', async () => {
    const scaled = (factor: number): Classifier & { device: Device } => ({
      device: set.device,
      numClasses: 4,
      inputShape: [1, 8, 8],
      logits: x => ops.scale(set.model.logits(x), factor),
    })
    for (const norm of norms) {
      const attack = fab({ eps: norm === 'linf' ? 0.1 : 0.7, norm, steps: 5 })
      const plain = await run(attack)
      expect(await run(attack, {}, scaled(1024))).toEqual(plain)
      const { robust, distances } = await run(attack, {}, scaled(1000))
      expect(robust).toEqual(plain.robust)
      for (const [n, d] of plain.distances!.entries()) expect(distances![n]).toBeCloseTo(d, 3)
    }
  })
})

describe('a run', () => {
  it('stops with AbortError in the middle of a batch, and leaves no memory behind', () =>
    checkAbort(fab({ eps: 0.1, steps: 4 })))
})

describe('passes', () => {
  const linear = randomLinearModel(5, 6, 3)
  const image = new Float32Array(6).fill(0.5)
  const logits = linearLogits(linear, image)
  const label = logits.indexOf(Math.max(...logits))
  const passes = async (options: Omit<FabOptions, 'eps'>, labelled = label) => {
    const attack = fab({ eps: never, ...options })
    let images = 0
    const model = multiclassLinear(linear)
    const counted: Classifier = {
      ...model,
      logits: x => {
        images += x.shape[0]
        return model.logits(x)
      },
    }
    const { forwards, backwards } = await attack.run(counted, image, [labelled])
    expect(forwards).toBe(images)
    return [forwards, backwards]
  }

  it('of FAB-T: two forwards and a backward for each step of each target, one forward before and one after', async () => {
    expect(await passes({ steps: 10 })).toEqual([1 + 4 * 20 + 1, 4 * 10])
    expect(await passes({ steps: 10, targets: 2, restarts: 3 })).toEqual([1 + 2 * 3 * 20 + 1, 2 * 3 * 10])
  })

  it('of FAB: a forward and a backward for each other class and one more forward, for each step', async () => {
    expect(await passes({ targeted: false, steps: 10, restarts: 2 })).toEqual([1 + 2 * 50 + 1, 2 * 40])
  })

  it('of the defaults on ten classes: 900 backwards', async () => {
    const ten = randomLinearModel(10, 6, 3)
    const z = linearLogits(ten, image)
    const { forwards, backwards } = await fab({ eps: never }).run(multiclassLinear(ten), image, [
      z.indexOf(Math.max(...z)),
    ])
    expect([forwards, backwards]).toEqual([1802, 900])
  })

  it('of an image that is wrong from the start: the two that find that', async () => {
    expect(await passes({}, (label + 1) % 5)).toEqual([2, 0])
  })

  it('end with the target that fools within eps where that is asked for, and not elsewhere', async () => {
    const of = async (untilFooled: boolean) => {
      const attack = fab({ eps: 1, steps: 4, restarts: 3, untilFooled })
      const image = new Float32Array(4).fill(0.5)
      const { forwards, backwards } = await attack.run(linearClassifier([1, -2, 0.5, 0], 0.35), image, [0])
      return [forwards, backwards]
    }
    expect(await of(true)).toEqual([1 + 8 + 1, 4])
    expect(await of(false)).toEqual([1 + 3 * 8 + 1, 3 * 4])
  })
})

describe('random starts', () => {
  // Logits (0.1, max(8·x₀ − 8·x₁ − 0.25, 0)): no gradient near the image, class 1 not far away.
  const flat: Classifier = {
    numClasses: 2,
    inputShape: [1, 1, 2],
    logits: x => {
      const hidden = ops.relu(linearClassifier([8, -8], -0.25).logits(x))
      return ops.linear(hidden, tensor([0, 0, 1, 0], [2, 2]), tensor([0.1, 0], [2]))
    },
  }
  const image = new Float32Array([0.5, 0.5])
  const at = (restarts: number, seed = 0, options: Partial<FabOptions> = {}) =>
    fab({ eps: 0.2, steps: 5, restarts, ...options }).run(flat, image, [0], { seed })

  it('come after the first restart, and find what the image itself gives no gradient to', async () => {
    expect((await at(1)).distances![0]).toBe(Infinity)
    const { robust, distances } = await at(8)
    expect(robust[0]).toBe(0)
    expect(distances![0]).toBeGreaterThanOrEqual(0.35 / 16 - 1e-7)
    expect(distances![0]).toBeLessThan(0.2)
  })

  it('are no farther than half of eps where an image is finished once it is fooled', async () => {
    // The slope begins at a difference of 0.03125; starts at 0.0109 from the image differ by no more than 0.0219.
    expect((await at(8, 0, { eps: 0.0218, untilFooled: true })).bestLoss[0]).toBe(-Infinity)
    expect((await at(8, 0, { eps: 0.2, untilFooled: true })).bestLoss[0]).toBeGreaterThan(-0.2)
  })

  it('do not depend on eps elsewhere', async () => {
    const found = await Promise.all(
      [1e-6, 0.2, Infinity].map(async eps => (await at(8, 0, { eps })).distances),
    )
    expect(found[0]![0]).toBeLessThan(0.5)
    expect(found[1]).toEqual(found[0])
    expect(found[2]).toEqual(found[0])
  })

  it('follow the seed', async () => {
    const found = await Promise.all([1, 2, 1].map(async seed => (await at(8, seed)).distances![0]))
    expect(found[0]).not.toBe(found[1])
    expect(found[0]).toBe(found[2])
  })
})

describe('bad options are a ConfigError that names them:', () => {
  const cases: [string, Partial<FabOptions>, string, RegExp][] = [
    ['no steps', { steps: 0 }, 'steps', /at least 1 for steps/],
    ['no restarts', { restarts: 0 }, 'restarts', /at least 1 for restarts/],
    ['no targets', { targets: 0 }, 'targets', /at least 1 for targets/],
    ['alphaMax above 1', { alphaMax: 1.5 }, 'alphaMax', /from 0 to 1 for alphaMax of fab but received 1\.5/],
    ['eta below 1', { eta: 0.5 }, 'eta', /of at least 1 for eta of fab but received 0\.5/],
    ['beta that is no number', { beta: Number.NaN }, 'beta', /from 0 to 1 for beta of fab but received NaN/],
    ['an eps above 1', { eps: 8 }, 'eps', /did you mean 8\/255\?/],
  ]
  it.each(cases)('%s', (_, options, option, sentence) => {
    const make = () => fab({ eps: 0.1, ...options })
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(make).toThrow(sentence)
  })

  it('more targets than other classes', async () => {
    const run = fab({ eps: 0.1, targets: 2 }).run(linearClassifier([1, 1], 0), new Float32Array(2), [0])
    await expect(run).rejects.toThrow(ConfigError)
    await expect(run).rejects.toThrow(/at most 1 targets for a model of 2 classes but received 2/)
  })
})
