// APGD and APGD-T: the schedule, closed forms on linear models, and what holds on any model.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { apgdAscent, apgdCheckpoints } from '../../src/attacks/frame/apgd-ascent.ts'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import type { Objective } from '../../src/attacks/frame/objective.ts'
import { threatModel } from '../../src/attacks/frame/threat-model.ts'
import { Tries } from '../../src/attacks/frame/tries.ts'
import { apgd, apgdT } from '../../src/attacks/index.ts'
import { AbortError, ConfigError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { linearClassifier } from './linear-classifier.ts'
import { multiclassLinear } from './multiclass-linear.ts'
import {
  changed,
  count,
  distances,
  image,
  images,
  labels,
  right,
  sum,
  trainedNetwork,
} from './trained-network.ts'

let model: Network & Classifier
beforeAll(async () => {
  model = await trainedNetwork()
})

const withLogits = (change: (logits: Tensor) => Tensor) => changed(model, change)

const run = (attack: Attack, options?: AttackRunOptions) => attack.run(model, images, labels, options)

describe('the checkpoints', () => {
  it.each([
    [100, [22, 41, 57, 70, 80, 87, 93, 99]],
    [50, [11, 21, 30, 38, 45]],
    [20, [4, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
    [10, [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [1, [1]],
  ])('of %i steps are those of the reference code', (steps, expected) => {
    expect(apgdCheckpoints(steps)).toEqual(expected)
  })

  it('of any number of steps rise, end within them, and their windows never grow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), steps => {
        const points = apgdCheckpoints(steps)
        const windows = points.map((at, i) => at - (points[i - 1] ?? 0))
        expect(points.at(-1)).toBeLessThanOrEqual(steps)
        expect(windows.every((window, i) => window >= 1 && (i === 0 || window <= windows[i - 1]))).toBe(true)
      }),
      { seed: 1 },
    )
  })
})

describe('the ascent on a function of one pixel', () => {
  /** Maximises `f` from 0.3; `fools` is asked of each point. */
  async function ascend(
    f: (x: number) => [value: number, derivative: number],
    { fools = (_: number) => false, steps = 100, untilFooled = false },
  ) {
    const points: number[] = []
    const judge = (x: Float32Array) => {
      points.push(x[0])
      return { losses: Float64Array.of(f(x[0])[0]), fooled: Float64Array.of(fools(x[0]) ? 1 : 0) }
    }
    const objective: Objective = {
      evaluate: async x => judge(x),
      differentiate: async x => ({ ...judge(x), gradient: Float32Array.of(f(x[0])[1]) }),
    }
    const batch = {
      count: 1,
      images: Float32Array.of(0.3),
      labels: Int32Array.of(0),
      sampleIds: Int32Array.of(0),
      seed: 0,
    }
    const tries = new Tries(batch)
    const threat = threatModel({ eps: 0.3 })
    await apgdAscent(
      {
        objective,
        threat,
        steps,
        batch,
        images: [0],
        start: 'clean',
        stream: 'apgd-ce',
        run: 0,
        untilFooled,
      },
      tries,
    )
    return { points, tries }
  }
  const peak = (x: number): [number, number] => [-((x - 0.437) ** 2), -2 * (x - 0.437)]

  it('halves its steps until it is near the top', async () => {
    const { tries } = await ascend(peak, {})
    expect(Math.abs(tries.adversarial[0] - 0.437)).toBeLessThan(0.01)
  })

  it('starts with a step of 2·eps clipped to the ball, then adds momentum', async () => {
    const { points } = await ascend(x => [x, 1], { steps: 3 })
    expect(points).toEqual([0.3, 0.6, 0.6, 0.6].map(Math.fround))
    // Down from 0.6 the step goes to 0, of which 0.75 are taken, and a quarter of the step before.
    const { points: back } = await ascend(x => [x, x > 0.5 ? -1 : 1], { steps: 2 })
    expect(back[2]).toBeCloseTo(0.6 - 0.75 * 0.6 + 0.25 * 0.3, 6)
  })

  it('never loses a point that fools, where the loss is larger elsewhere', async () => {
    let judged = 0
    const { tries, points } = await ascend(peak, { fools: () => ++judged === 4 })
    expect(points).toHaveLength(101)
    expect(tries.fooled[0]).toBe(1)
    expect(tries.adversarial[0]).toBe(points[3])
  })

  it('stops at the first such point when it runs until it fools', async () => {
    let judged = 0
    const { points } = await ascend(peak, { fools: () => ++judged === 4, untilFooled: true })
    expect(points).toHaveLength(4)
  })

  it('goes back to the best point where its loss stands for a window, but not in the first', async () => {
    let asked = 0
    // Asked for value and derivative of each point; falls once and rises ever after, though never above the start.
    const script = (): [number, number] => {
      const k = Math.floor(asked++ / 2)
      return [k === 0 ? 1000 : k, 1]
    }
    const { points } = await ascend(script, { steps: 100 })
    expect(points.slice(1, 42).map(x => Math.round(1e6 * x))).toEqual(new Array(41).fill(600_000))
    // From 0.3 the halved step goes to 0.6, of which 0.75 are taken, and a quarter of the step back.
    expect(points[42]).toBeCloseTo(0.3 + 0.75 * 0.3 - 0.25 * 0.3, 6)
  })

  it('keeps the largest loss of all points it tries, for any number of steps', async () => {
    const best = await Promise.all([1, 2, 5, 20, 100].map(steps => ascend(peak, { steps })))
    for (const { points, tries } of best) {
      expect(tries.bestLoss[0]).toBe(Math.max(...points.map(x => peak(x)[0])))
    }
  })
})

describe('the minimal distance of a linear model, 0.1 / ‖w‖', () => {
  const w = [1, -2, 0.5, 0]
  const linear = linearClassifier(w, 0.35)
  const point = new Float32Array(4).fill(0.5)
  const minimal = { linf: 0.1 / 3.5, l2: 0.1 / Math.sqrt(5.25) }
  const settings = (['linf', 'l2'] as const).flatMap(norm =>
    (['ce', 'cw'] as const).flatMap(loss =>
      (['random', 'clean'] as const).map(start => ({ norm, loss, start })),
    ),
  )
  it.each(settings)('is told apart from 0.999 and 1.001 of it: $norm, $loss, $start', async set => {
    const robust = async (factor: number) =>
      (await apgd({ ...set, eps: factor * minimal[set.norm] }).run(linear, point, [0])).robust[0]
    expect(await robust(1.001)).toBe(0)
    expect(await robust(0.999)).toBe(1)
  })

  it('the worst point is the corner against the gradient, clipped to the box; without weight a pixel stays', async () => {
    const sure = linearClassifier(w, 4)
    const near = [0.02, 0.99, 0.7, 0.3]
    const { adversarial } = await apgd({ eps: 0.1, start: 'clean' }).run(sure, new Float32Array(near), [0])
    near.forEach((v, i) => {
      expect(adversarial[i]).toBeCloseTo(Math.min(1, Math.max(0, v - 0.1 * Math.sign(w[i]))), 6)
    })
    expect(adversarial[3]).toBe(Math.fround(0.3))
  })

  it('the worst point of the L2 ball lies eps along the gradient', async () => {
    const sure = linearClassifier(w, 4)
    const { adversarial } = await apgd({ eps: 0.2, norm: 'l2' }).run(sure, point, [0])
    w.forEach((weight, i) => {
      expect(adversarial[i]).toBeCloseTo(0.5 - (0.2 * weight) / Math.hypot(...w), 3)
    })
  })
})

describe('on linear models of five classes', () => {
  const number = fc.double({ min: -1, max: 1, noNaN: true })
  const row = fc.array(number, { minLength: 6, maxLength: 6 })
  const cases = fc.record({
    weights: fc.array(row, { minLength: 5, maxLength: 5 }),
    pixels: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
    eps: fc.double({ min: 0.01, max: 0.2, noNaN: true }),
  })

  it('apgd-t finds a perturbation where the closed form says that there is one, and none elsewhere', async () => {
    let robust = 0
    let broken = 0
    await fc.assert(
      fc.asyncProperty(cases, async ({ weights, pixels, eps }) => {
        const logit = (k: number, x: readonly number[]) => weights[k].reduce((s, v, i) => s + v * x[i], 0)
        const label = [0, 1, 2, 3, 4].reduce((a, b) => (logit(b, pixels) > logit(a, pixels) ? b : a))
        const worst = Math.min(
          ...[0, 1, 2, 3, 4]
            .filter(k => k !== label)
            .map(k => {
              const corner = pixels.map((v, i) =>
                Math.min(1, Math.max(0, v - eps * Math.sign(weights[label][i] - weights[k][i]))),
              )
              return logit(label, corner) - logit(k, corner)
            }),
        )
        fc.pre(Math.abs(worst) > 0.02)
        const classes = multiclassLinear({ weights, biases: [0, 0, 0, 0, 0] })
        const result = await apgdT({ eps, targets: 4, steps: 30 }).run(classes, new Float32Array(pixels), [
          label,
        ])
        expect(result.robust[0]).toBe(worst > 0 ? 1 : 0)
        if (worst > 0) robust++
        else broken++
      }),
      { numRuns: 60, seed: 1 },
    )
    expect(Math.min(robust, broken)).toBeGreaterThan(5)
  })
})

describe('the images found', () => {
  const attacks: [string, Attack][] = [
    ['apgd-ce L∞', apgd({ eps: 0.1, steps: 10, restarts: 2 })],
    ['apgd-ce L∞ of eps 1', apgd({ eps: 1, steps: 5 })],
    ['apgd-ce L2', apgd({ eps: 0.7, norm: 'l2', steps: 10 })],
    ['apgd-ce for the loss', apgd({ eps: 0.1, steps: 10, bestLoss: true })],
    ['apgd-dlr L∞', apgd({ eps: 0.1, loss: 'dlr', steps: 10 })],
    ['apgd-dlr L2', apgd({ eps: 0.7, norm: 'l2', loss: 'dlr', steps: 10 })],
    ['apgd-cw L∞ from the image', apgd({ eps: 0.1, loss: 'cw', start: 'clean', steps: 10 })],
    ['apgd-t L∞', apgdT({ eps: 0.1, targets: 3, steps: 10, restarts: 2 })],
    ['apgd-t L2', apgdT({ eps: 0.7, norm: 'l2', targets: 3, steps: 10 })],
  ]
  it.each(attacks)('stay in ball and box and are as robust as they say: %s', async (_, attack) => {
    // Some pixels at the ends of the box.
    const extreme = images.map((v, i) => (i % 5 === 0 ? 0 : i % 7 === 0 ? 1 : v))
    const { adversarial, robust, warnings } = await attack.run(model, extreme, labels)
    expect(adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
    const moved = distances(adversarial, extreme, attack.norm)
    expect(Math.max(...moved)).toBeLessThanOrEqual(attack.eps + 1e-6)
    expect(Math.max(...moved)).toBeGreaterThan(0.9 * attack.eps)
    expect([...robust]).toEqual(await right(model, adversarial))
    expect(warnings).toEqual([])
  })

  it.each(['linf', 'l2'] as const)(
    'of eps 0 are the images themselves: the clean accuracy, %s',
    async norm => {
      for (const attack of [
        apgd({ eps: 0, norm, steps: 3 }),
        apgdT({ eps: 0, norm, steps: 3, targets: 3 }),
      ]) {
        const { adversarial, robust } = await run(attack)
        expect(adversarial).toEqual(images)
        expect([...robust]).toEqual(await right(model, images))
      }
    },
  )

  it('leave images that were wrong from the outset as they are', async () => {
    const clean = await right(model, images)
    expect(clean).toContain(0)
    for (const attack of [apgd({ eps: 0.1, steps: 5 }), apgdT({ eps: 0.1, steps: 5, targets: 3 })]) {
      const moved = distances((await run(attack)).adversarial, images, 'linf')
      clean.forEach((wasRight, n) => {
        expect(moved[n] > 0).toBe(wasRight === 1)
      })
    }
  })

  it.each([
    ['apgd-ce', (eps: number) => apgd({ eps, steps: 20 })],
    ['apgd-dlr', (eps: number) => apgd({ eps, loss: 'dlr', steps: 20 })],
    ['apgd-t', (eps: number) => apgdT({ eps, steps: 20, targets: 3 })],
  ])('lower the accuracy with eps, to nothing in the end: %s', async (_, make) => {
    const accuracies: number[] = []
    for (const eps of [0, 0.03, 0.06, 0.1, 1]) accuracies.push(sum((await run(make(eps))).robust) / count)
    expect(accuracies[0]).toBeGreaterThan(0.7)
    expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a))
    expect(accuracies.at(-1)).toBe(0)
  })
})

describe('more work never raises robust accuracy, image by image:', () => {
  it.each([
    ['restarts', apgd({ eps: 0.05, steps: 2 }), apgd({ eps: 0.05, steps: 2, restarts: 4 })],
    [
      'restarts of apgd-t',
      apgdT({ eps: 0.05, steps: 2, targets: 2 }),
      apgdT({ eps: 0.05, steps: 2, targets: 2, restarts: 3 }),
    ],
    ['targets', apgdT({ eps: 0.05, steps: 2, targets: 1 }), apgdT({ eps: 0.05, steps: 2, targets: 3 })],
  ])('%s', async (_, less, more) => {
    const [few, many] = [await run(less), await run(more)]
    for (let n = 0; n < count; n++) {
      expect(many.robust[n]).toBeLessThanOrEqual(few.robust[n])
      if (many.robust[n] === few.robust[n]) expect(many.bestLoss[n]).toBeGreaterThanOrEqual(few.bestLoss[n])
    }
    expect(many.forwards).toBeGreaterThan(few.forwards)
  })
})

it('bestLoss raises the loss further and fools the same images', async () => {
  const settings = { eps: 0.06, steps: 20 }
  const [first, best] = [await run(apgd(settings)), await run(apgd({ ...settings, bestLoss: true }))]
  expect(best.robust).toEqual(first.robust)
  for (let n = 0; n < count; n++) expect(best.bestLoss[n]).toBeGreaterThanOrEqual(first.bestLoss[n])
  expect(sum(best.bestLoss)).toBeGreaterThan(sum(first.bestLoss) + 0.1)
})

it('apgd-dlr and apgd-t do not see the scale of the logits, where apgd-ce loses its gradient', async () => {
  const scaled = withLogits(logits => ops.scale(logits, 1024))
  for (const attack of [
    apgd({ eps: 0.06, loss: 'dlr', steps: 20 }),
    apgdT({ eps: 0.06, steps: 20, targets: 3 }),
  ]) {
    const [plain, large] = [await run(attack), await attack.run(scaled, images, labels)]
    expect(large.robust).toEqual(plain.robust)
    expect(large.adversarial).toEqual(plain.adversarial)
  }
  const [plain, large] = [
    await run(apgd({ eps: 0.06, steps: 20 })),
    await apgd({ eps: 0.06, steps: 20 }).run(scaled, images, labels),
  ]
  expect(sum(large.robust)).toBeGreaterThan(sum(plain.robust))
})

describe('the result is the same, to the bit,', () => {
  const attacks = [
    apgd({ eps: 0.06, steps: 8, restarts: 2 }),
    apgd({ eps: 0.4, norm: 'l2', loss: 'dlr', steps: 8 }),
    apgdT({ eps: 0.06, steps: 8, targets: 3 }),
  ]

  it.each(attacks)('for any batch size and order of the images: $name', async attack => {
    const whole = await run(attack)
    for (const batchSize of [1, 16]) expect(await run(attack, { batchSize })).toEqual(whole)
    const order = Array.from({ length: count }, (_, i) => (i * 10 + 3) % count)
    const shuffled = new Float32Array(order.flatMap(n => [...image(images, n)]))
    const theirs = order.map(n => labels[n])
    const result = await attack.run(model, shuffled, theirs, { sampleIds: order, batchSize: 11 })
    order.forEach((from, to) => {
      expect(image(result.adversarial, to)).toEqual(image(whole.adversarial, from))
      expect(result.bestLoss[to]).toBe(whole.bestLoss[from])
      expect(result.robust[to]).toBe(whole.robust[from])
    })
  })

  it('for any number of threads, but not for another seed', async () => {
    const onTwoThreads = await trainedNetwork(new Device({ threads: 2 }))
    const whole = await run(attacks[0])
    expect(await attacks[0].run(onTwoThreads, images, labels)).toEqual(whole)
    expect((await run(attacks[0], { seed: 1 })).adversarial).not.toEqual(whole.adversarial)
  })
})

describe('an image that is never fooled costs', () => {
  const sure = linearClassifier([1, -2, 0.5, 0], 40)
  const five = multiclassLinear({
    weights: [0, 1, 2, 3, 4].map(k => [0.1 * k, 0, 0, 0]),
    biases: [40, 0, 1, 2, 3],
  })
  const point = new Float32Array(4).fill(0.5)
  const cost = async (attack: Attack, classifier = sure) => {
    const { forwards, backwards, robust } = await attack.run(classifier, point, [0])
    expect(robust[0]).toBe(1)
    return [forwards, backwards]
  }

  it('apgd: steps + 3 forward and steps backward passes, fewer than the 111 and 101 of the reference code', async () => {
    expect(await cost(apgd({ eps: 0.1 }))).toEqual([103, 100])
    expect(await cost(apgd({ eps: 0.1, norm: 'l2', restarts: 3 }))).toEqual([3 * 101 + 2, 300])
    expect(await cost(apgd({ eps: 0.1, start: 'clean' }))).toEqual([103, 100])
    expect(await cost(apgd({ eps: 0.1, bestLoss: true, steps: 7 }))).toEqual([10, 7])
    expect(await cost(apgd({ eps: 0.1, eot: 5, steps: 7 }))).toEqual([5 * 9 + 1, 5 * 7])
  })

  it('apgd-t: targets·(steps + 1) + 2 and targets·steps, so 911 and 900 of ten classes', async () => {
    expect(await cost(apgdT({ eps: 0.1, targets: 4 }), five)).toEqual([4 * 101 + 2, 400])
    expect(await cost(apgdT({ eps: 0.1, targets: 2, restarts: 3, steps: 5 }), five)).toEqual([38, 30])
  })

  it('and one that is fooled leaves at once', async () => {
    const { forwards, backwards } = await run(apgd({ eps: 1 }))
    // One pass on the image, one at the start, one that checks, and a few steps.
    expect(forwards).toBeLessThan(20 * count)
    expect(backwards).toBeLessThanOrEqual(forwards - 2 * count)
  })
})

it('eot sees through noise that changes sign from pass to pass', async () => {
  // Two models by turns, whose gradients differ by ±10 and whose mean is a linear model.
  const w = [1, -2, 0.5, 0]
  const noise = [10, 10, -10, 10]
  const parts = [1, -1].map(sign =>
    linearClassifier(
      w.map((v, i) => v + sign * noise[i]),
      0.35 - sign * 10,
    ),
  )
  let pass = 0
  const random: Classifier = { ...parts[0], logits: x => parts[pass++ % 2].logits(x) }
  const point = new Float32Array(4).fill(0.5)
  const { adversarial } = await apgd({ eps: 0.02, loss: 'cw', eot: 2, start: 'clean' }).run(
    random,
    point,
    [0],
  )
  w.forEach((weight, i) => {
    expect(adversarial[i]).toBeCloseTo(0.5 - 0.02 * Math.sign(weight), 6)
  })
})

describe('bad settings are a ConfigError that names the option:', () => {
  const settings: [string, () => unknown, string, RegExp][] = [
    ['eps 8', () => apgd({ eps: 8 }), 'eps', /did you mean 8\/255\?/],
    ['no steps', () => apgd({ eps: 0.1, steps: 0 }), 'steps', /received 0/],
    ['half a restart', () => apgdT({ eps: 0.1, restarts: 0.5 }), 'restarts', /received 0\.5/],
    ['no targets', () => apgdT({ eps: 0.1, targets: 0 }), 'targets', /received 0/],
    ['an unknown loss', () => apgd({ eps: 0.1, loss: 'mse' as 'ce' }), 'loss', /ce, dlr, cw for loss/],
    ['an unknown start', () => apgd({ eps: 0.1, start: 'zero' as 'clean' }), 'start', /random, clean/],
    ['no passes', () => apgd({ eps: 0.1, eot: 0 }), 'eot', /received 0/],
    [
      'restarts from the image',
      () => apgd({ eps: 0.1, start: 'clean', restarts: 2 }),
      'restarts',
      /each would repeat the first/,
    ],
  ]
  it.each(settings)('%s', (_, make, option, sentence) => {
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(make).toThrow(sentence)
  })

  it('too few classes for the loss', async () => {
    const two = linearClassifier([1, -2, 0.5, 0], 1)
    const point = new Float32Array(4).fill(0.5)
    await expect(apgd({ eps: 0.1, loss: 'dlr' }).run(two, point, [0])).rejects.toThrow(/at least 3 classes/)
    await expect(apgdT({ eps: 0.1 }).run(two, point, [0])).rejects.toThrow(
      /at least 4 classes for apgd-t but it has 2/,
    )
  })

  it('fewer classes than targets is a warning, and all classes are used', async () => {
    const { warnings, robust } = await run(apgdT({ eps: 0.06, steps: 5 }))
    expect(warnings).toEqual([
      { code: 'too-few-classes', message: expect.stringContaining('3 target classes instead of 9') },
    ])
    expect(robust).toEqual((await run(apgdT({ eps: 0.06, steps: 5, targets: 3 }))).robust)
  })
})

it('a model whose gradient is not a number leaves every image where it starts', async () => {
  const broken = linearClassifier([1, Number.NaN, 0.5, 0], 1)
  const point = new Float32Array(4).fill(0.5)
  for (const norm of ['linf', 'l2'] as const) {
    const { adversarial, warnings } = await apgd({ eps: 0.1, norm, steps: 3 }).run(broken, point, [0])
    expect(adversarial).toEqual(point)
    expect(warnings).toEqual([])
  }
})

it('an AbortSignal stops an attack inside a batch', async () => {
  const controller = new AbortController()
  let passes = 0
  const counted = withLogits(logits => {
    if (++passes === 5) controller.abort()
    return logits
  })
  const attack = apgd({ eps: 0.1 }).run(counted, images, labels, { signal: controller.signal })
  await expect(attack).rejects.toThrow(AbortError)
  expect(passes).toBe(5)
})

it('an attack leaves no memory behind', async () => {
  await run(apgd({ eps: 0.1, steps: 2 }))
  await model.device.synchronize()
  const before = model.device.memory().inUse
  await run(apgd({ eps: 0.1, steps: 2 }))
  await run(apgdT({ eps: 0.1, steps: 2, targets: 2 }))
  await model.device.synchronize()
  expect(model.device.memory().inUse).toBe(before)
})
