// What holds for a gradient attack on any model.
import { beforeAll, describe, expect, it } from 'vitest'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { fgsm, fgsmRs, free, pgd } from '../../src/attacks/index.ts'
import { AbortError, ConfigError, ShapeError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { trainDense } from '../../src/training/dense.ts'
import { stripes } from '../training/synthetic-dataset.ts'

const one = new Device({ threads: 1 })
const two = new Device({ threads: 2 })
const data = stripes({ test: 37 })
const count = data.test.size
const imageSize = 64
const images = Float32Array.from(data.test.images, v => v / 255)
const labels = [...data.test.labels]
// So that at least this image is classified wrong.
labels[5] = (labels[5] + 1) % 4

/** A small trained network, and the same on two threads. */
let model: Network
let onTwoThreads: Network
beforeAll(async () => {
  const training = { arch: 'conv2', width: 0.1, data, inner: null, augment: false }
  const options = { ...training, epochs: 8, batchSize: 32, lr: 0.1 }
  model = (await trainDense({ ...options, device: one })).model.network
  onTwoThreads = (await trainDense({ ...options, device: two })).model.network
})

/** 1 where the model is right on the pixels. */
async function right(classifier: Classifier, pixels: Float32Array): Promise<number[]> {
  using x = tensor(pixels, [pixels.length / imageSize, 1, 8, 8], { device: one })
  using y = tensor(labels, [labels.length], { dtype: 'i32', device: one })
  using logits = classifier.logits(x)
  using correct = ops.correct(logits, y)
  return [...(await correct.data())]
}

const run = (attack: Attack, options?: AttackRunOptions) => attack.run(model, images, labels, options)
const sum = (flags: ArrayLike<number>) => Array.from(flags).reduce((a, b) => a + b, 0)

function distances(adversarial: Float32Array, norm: 'linf' | 'l2'): number[] {
  return Array.from({ length: count }, (_, n) => {
    const from = n * imageSize
    const difference = adversarial.slice(from, from + imageSize).map((v, i) => v - images[from + i])
    return norm === 'linf' ? Math.max(...difference.map(Math.abs)) : Math.hypot(...difference)
  })
}

describe('the images found', () => {
  const attacks: [string, Attack][] = [
    ['pgd L∞', pgd({ eps: 0.1, steps: 5, restarts: 2 })],
    ['pgd L∞ of eps 1', pgd({ eps: 1, steps: 3 })],
    ['pgd L2', pgd({ eps: 0.7, norm: 'l2', steps: 5, restarts: 2 })],
    ['pgd of correct samples', pgd({ eps: 0.1, steps: 5, onlyCorrect: true })],
    ['fgsm', fgsm({ eps: 0.1 })],
    ['fgsm-rs', fgsmRs({ eps: 0.1 })],
    ['fgsm-rs L2', fgsmRs({ eps: 0.7, norm: 'l2' })],
  ]
  it.each(attacks)(
    'stay in ball and box, use the ball, and are as robust as they say: %s',
    async (_, attack) => {
      // Some pixels at the ends of the box.
      const extreme = images.map((v, i) => (i % 5 === 0 ? 0 : i % 7 === 0 ? 1 : v))
      const result = await attack.run(model, extreme, labels)
      expect(result.adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
      const moved = result.adversarial.map((v, i) => v - extreme[i])
      const norms = Array.from({ length: count }, (_, n) => {
        const one = moved.slice(n * imageSize, (n + 1) * imageSize)
        return attack.norm === 'linf' ? Math.max(...one.map(Math.abs)) : Math.hypot(...one)
      })
      expect(Math.max(...norms)).toBeLessThanOrEqual(attack.eps + 1e-6)
      expect(Math.max(...norms)).toBeGreaterThan(0.9 * attack.eps)
      expect([...result.robust]).toEqual(await right(model, result.adversarial))
      expect(result.warnings).toEqual([])
    },
  )

  it('of eps 0 are the images themselves: the clean accuracy', async () => {
    for (const norm of ['linf', 'l2'] as const) {
      const { adversarial, robust } = await run(pgd({ eps: 0, norm, steps: 3 }))
      expect(adversarial).toEqual(images)
      expect([...robust]).toEqual(await right(model, images))
    }
  })

  it('raise the loss and lower the accuracy with eps, to nothing in the end', async () => {
    const results = await Promise.all([0, 0.03, 0.1, 1].map(eps => run(pgd({ eps, steps: 20 }))))
    const accuracies = results.map(({ robust }) => sum(robust) / count)
    expect(accuracies[0]).toBeGreaterThan(0.7)
    expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a))
    expect(accuracies[3]).toBe(0)
    const losses = results.map(({ bestLoss }) => sum(bestLoss))
    expect(losses).toEqual([...losses].sort((a, b) => a - b))
  })
})

describe('restarts', () => {
  it('never raise robust accuracy nor lower the loss of a robust image, and start elsewhere each time', async () => {
    const [once, thrice] = [
      await run(pgd({ eps: 0.06, steps: 2 })),
      await run(pgd({ eps: 0.06, steps: 2, restarts: 4 })),
    ]
    for (let n = 0; n < count; n++) {
      expect(thrice.robust[n]).toBeLessThanOrEqual(once.robust[n])
      if (thrice.robust[n] === once.robust[n])
        expect(thrice.bestLoss[n]).toBeGreaterThanOrEqual(once.bestLoss[n])
    }
    expect(sum(thrice.bestLoss)).toBeGreaterThan(sum(once.bestLoss))
  })
})

describe('onlyCorrect', () => {
  it('freezes samples that are wrong, and stops those that become wrong', async () => {
    const settings = { eps: 0.1, steps: 10, stepSize: 0.02, randomStart: false }
    const all = await run(pgd(settings))
    const frozen = await run(pgd({ ...settings, onlyCorrect: true }))
    const clean = await right(model, images)
    const [moved, movedAll] = [distances(frozen.adversarial, 'linf'), distances(all.adversarial, 'linf')]
    expect(clean).toContain(0)
    clean.forEach((wasRight, n) => {
      if (!wasRight) {
        expect(moved[n]).toBe(0)
        expect(movedAll[n]).toBeGreaterThan(0)
      }
    })
    expect([...frozen.robust]).toEqual([...all.robust])
    expect(sum(moved)).toBeLessThan(sum(movedAll))
  })
})

describe('the result is the same, to the bit,', () => {
  const attack = pgd({ eps: 0.1, steps: 4, restarts: 2 })

  it('for any batch size', async () => {
    const whole = await run(attack)
    for (const batchSize of [1, 16, 20]) {
      const { adversarial, robust, bestLoss, forwards } = await run(attack, { batchSize })
      expect(adversarial).toEqual(whole.adversarial)
      expect({ robust, bestLoss, forwards }).toEqual({
        robust: whole.robust,
        bestLoss: whole.bestLoss,
        forwards: whole.forwards,
      })
    }
  })

  it('for any order of the images, when sampleIds go with them', async () => {
    const whole = await run(attack)
    const order = Array.from({ length: count }, (_, i) => (i * 10 + 3) % count)
    const shuffled = new Float32Array(images.length)
    order.forEach((from, to) => {
      shuffled.set(images.subarray(from * imageSize, (from + 1) * imageSize), to * imageSize)
    })
    const result = await attack.run(
      model,
      shuffled,
      order.map(i => labels[i]),
      { sampleIds: order, batchSize: 16 },
    )
    order.forEach((from, to) => {
      const found = result.adversarial.slice(to * imageSize, (to + 1) * imageSize)
      expect(found).toEqual(whole.adversarial.slice(from * imageSize, (from + 1) * imageSize))
      expect(result.bestLoss[to]).toBe(whole.bestLoss[from])
    })
  })

  it('for any number of threads, and for a tensor of images', async () => {
    const whole = await run(attack)
    expect(await attack.run(onTwoThreads, images, labels)).toEqual(whole)
    using x = tensor(images, [count, 1, 8, 8], { device: one })
    expect(await attack.run(model, x, labels)).toEqual(whole)
    expect(x.disposed).toBe(false)
  })

  it('but not for another seed', async () => {
    const [a, b] = [await run(attack, { seed: 1 }), await run(attack, { seed: 2 })]
    expect(a.adversarial).not.toEqual(b.adversarial)
    expect(await run(attack, { seed: 1 })).toEqual(a)
  })
})

it('forwards and backwards count the passes of each image', async () => {
  const counts = async (attack: Attack) => {
    const { forwards, backwards } = await run(attack, { batchSize: 10 })
    return [forwards / count, backwards / count]
  }
  expect(await counts(pgd({ eps: 0.1, steps: 7, restarts: 3 }))).toEqual([1 + 3 * 8, 3 * 7])
  // From the image itself, the first step's pass is that of the image.
  for (const loss of ['ce', 'dlr'] as const) {
    expect(await counts(pgd({ eps: 0.1, steps: 7, loss, randomStart: false }))).toEqual([8, 7])
  }
  expect(await counts(fgsm({ eps: 0.1 }))).toEqual([2, 1])
  expect(await counts(fgsmRs({ eps: 0.1 }))).toEqual([3, 1])

  let passes = 0
  const counted: Classifier = {
    numClasses: 4,
    inputShape: [1, 8, 8],
    logits: x => {
      passes += x.shape[0]
      return model.logits(x)
    },
  }
  using x = tensor(images, [count, 1, 8, 8], { device: one })
  const { forwards } = await pgd({ eps: 0.1, steps: 3 }).run(counted, x, labels)
  expect(forwards).toBe(passes)
})

it('an attack tells its progress and leaves no memory behind', async () => {
  await one.synchronize()
  const before = one.memory().inUse
  const progress: number[] = []
  await run(pgd({ eps: 0.1, steps: 2 }), {
    batchSize: 15,
    onProgress: ({ images: done, total }) => {
      expect(total).toBe(count)
      progress.push(done)
    },
  })
  expect(progress).toEqual([15, 30, 37])
  await one.synchronize()
  expect(one.memory().inUse).toBe(before)
})

it('an AbortSignal stops an attack between batches with AbortError', async () => {
  const controller = new AbortController()
  const progress: number[] = []
  const attack = run(pgd({ eps: 0.1, steps: 2 }), {
    batchSize: 10,
    signal: controller.signal,
    onProgress: ({ images: done }) => {
      progress.push(done)
      if (done === 20) controller.abort(new Error('enough'))
    },
  })
  await expect(attack).rejects.toThrow(AbortError)
  await expect(attack).rejects.toThrow(
    expect.objectContaining({ name: 'AbortError', cause: expect.objectContaining({ message: 'enough' }) }),
  )
  expect(progress).toEqual([10, 20])
  await expect(run(fgsm({ eps: 0.1 }), { signal: AbortSignal.abort() })).rejects.toThrow(AbortError)
})

describe('bad input is a typed error in a sentence:', () => {
  const attack = pgd({ eps: 0.1, steps: 1 })
  const inputs: [string, () => Promise<unknown>, new (...args: never[]) => Error, RegExp][] = [
    [
      'pixels up to 255',
      () =>
        attack.run(
          model,
          images.map(v => v * 255),
          labels,
        ),
      ConfigError,
      /pixels from 0 to 1.*image 0 of images holds.*divide 8-bit pixels by 255/,
    ],
    [
      'a pixel below 0',
      () => attack.run(model, images.with(imageSize + 5, -0.1), labels),
      ConfigError,
      /image 1 of images holds -0\.1/,
    ],
    [
      'a pixel that is not a number',
      () => attack.run(model, images.with(0, Number.NaN), labels),
      ConfigError,
      /holds NaN/,
    ],
    [
      'a label too large',
      () => attack.run(model, images, labels.with(2, 4)),
      ConfigError,
      /labels from 0 to 3 but image 2 has 4/,
    ],
    ['a label below 0', () => attack.run(model, images, labels.with(2, -1)), ConfigError, /image 2 has -1/],
    [
      'a label between classes',
      () => attack.run(model, images, labels.with(0, 0.5)),
      ConfigError,
      /image 0 has 0\.5/,
    ],
    [
      'fewer labels than images',
      () => attack.run(model, images, labels.slice(1)),
      ShapeError,
      /Expected 36 images of \[1, 8, 8\] \(2304 values\) in images but received 2368/,
    ],
    ['too few sampleIds', () => run(attack, { sampleIds: [1] }), ShapeError, /37 sampleIds but received 1/],
    [
      'a batch size of 0',
      () => run(attack, { batchSize: 0 }),
      ConfigError,
      /at least 1 for batchSize of pgd-1\.run but received 0/,
    ],
  ]
  it.each(inputs)('%s', async (_, call, type, sentence) => {
    await expect(call()).rejects.toThrow(type)
    await expect(call()).rejects.toThrow(sentence)
  })

  const settings: [string, () => unknown, string, RegExp][] = [
    ['eps 8', () => pgd({ eps: 8 }), 'eps', /from 0 to 1 but received 8; .*did you mean 8\/255\?/],
    ['eps 8 of fgsm', () => fgsm({ eps: 8 }), 'eps', /did you mean 8\/255\?/],
    ['eps 8 of free', () => free({ eps: 8 }), 'eps', /did you mean 8\/255\?/],
    ['eps below 0', () => fgsmRs({ eps: -0.1, stepSize: 0.1 }), 'eps', /received -0\.1/],
    ['eps NaN', () => pgd({ eps: Number.NaN, stepSize: 0.1 }), 'eps', /received NaN/],
    ['an L2 eps below 0', () => pgd({ eps: -1, norm: 'l2', stepSize: 1 }), 'eps', /at least 0/],
    [
      'an unknown norm',
      () => pgd({ eps: 0.1, norm: 'l1' as 'l2' }),
      'norm',
      /linf, l2 for norm of pgd but received 'l1'/,
    ],
    ['no steps', () => pgd({ eps: 0.1, steps: 0 }), 'steps', /at least 1 for steps of pgd but received 0/],
    ['half a step', () => pgd({ eps: 0.1, steps: 1.5 }), 'steps', /received 1\.5/],
    ['no restarts', () => pgd({ eps: 0.1, restarts: 0 }), 'restarts', /restarts/],
    ['a step size below 0', () => pgd({ eps: 0.1, stepSize: -1 }), 'stepSize', /stepSize/],
    ['no replays', () => free({ eps: 0.1, replays: 0 }), 'replays', /replays/],
  ]
  it.each(settings)('%s', (_, make, option, sentence) => {
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(make).toThrow(sentence)
  })

  it('an L2 eps above 1 is allowed', () => {
    expect(pgd({ eps: 2, norm: 'l2' }).eps).toBe(2)
  })
})

it('a model without gradient is left where it is', async () => {
  const constant: Classifier = {
    numClasses: 4,
    inputShape: [1, 8, 8],
    logits: x => ops.full([x.shape[0], 4], 0, x.device),
  }
  const { adversarial } = await pgd({ eps: 0.1, steps: 3, randomStart: false }).run(constant, images, labels)
  expect(adversarial).toEqual(images)
})

it('the defaults are those of the paper: 20 steps of 2/255 at 8/255, 2.5·eps/steps in L2', () => {
  expect(pgd({ eps: 8 / 255 })).toMatchObject({
    name: 'pgd-20',
    norm: 'linf',
    settings: { steps: 20, stepSize: expect.closeTo(2 / 255, 12), restarts: 1, randomStart: true },
  })
  expect(pgd({ eps: 0.5, norm: 'l2', steps: 10 }).settings.stepSize).toBeCloseTo(0.125, 12)
  expect(fgsm({ eps: 8 / 255 }).settings.stepSize).toBeCloseTo(10 / 255, 12)
})
