// AutoAttack: the series of attacks, its counts, and its checks of model and evaluation.
import { beforeAll, describe, expect, it } from 'vitest'
import type { AutoAttackResult } from '../../src/attacks/autoattack/autoattack.ts'
import * as checks from '../../src/attacks/autoattack/checks.ts'
import { makePart, partsFor, versionParts } from '../../src/attacks/autoattack/parts.ts'
import type { Attack, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { Oracle } from '../../src/attacks/frame/oracle.ts'
import { apgd, apgdT, autoAttack, fab, pgd, square } from '../../src/attacks/index.ts'
import { AbortError, ConfigError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
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

/** A short series whose attacks differ in what they break. */
const shortSeries = (eps: number, norm: 'linf' | 'l2' = 'linf'): Attack[] => [
  apgd({ eps, norm, steps: 1 }),
  square({ eps, norm, queries: 10 }),
  apgd({ eps, norm, loss: 'dlr', steps: 5 }),
  fab({ eps, norm, targets: 3, steps: 3 }),
  apgdT({ eps, norm, targets: 3, steps: 10 }),
]
const short = (eps: number, attacks = shortSeries(eps), checked = false) =>
  autoAttack({ eps, version: 'custom', attacks, checks: checked })

/** Without the times, which differ from run to run. */
const timeless = (result: AutoAttackResult) => ({
  ...result,
  parts: result.parts.map(part => ({ ...part, seconds: 0 })),
})

describe('the series', () => {
  it.each(['linf', 'l2'] as const)(
    'is the AND of its attacks, and each image is broken by the first that breaks it alone: %s',
    async norm => {
      const eps = norm === 'linf' ? 0.05 : 0.25
      const attacks = shortSeries(eps, norm)
      const whole = await autoAttack({ eps, norm, version: 'custom', attacks, checks: false }).run(
        model,
        images,
        labels,
      )
      const alone: Uint8Array[] = []
      for (const attack of attacks) alone.push((await attack.run(model, images, labels)).robust)
      const clean = await right(model, images)
      for (let n = 0; n < count; n++) {
        expect(whole.robust[n]).toBe(Math.min(...alone.map(robust => robust[n])))
        const first = attacks.find((_, p) => alone[p][n] === 0)
        expect(whole.brokenBy[n]).toBe(clean[n] === 0 ? 'clean' : (first?.name ?? null))
      }
      expect(new Set(whole.brokenBy).size).toBeGreaterThan(3)
      expect([...whole.robust]).toEqual(await right(model, whole.adversarial))
    },
  )

  it('stays in ball and box, and leaves robust images and those wrong from the outset as they are', async () => {
    const { adversarial, brokenBy } = await short(0.05).run(model, images, labels)
    expect(adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
    for (const [n, moved] of distances(adversarial, images, 'linf').entries()) {
      expect(moved).toBeLessThanOrEqual(0.05 + 1e-6)
      expect(moved > 0).toBe(brokenBy[n] !== null && brokenBy[n] !== 'clean')
    }
  })

  it('reports what each attack met and broke, and its passes, which add up', async () => {
    const result = await short(0.05).run(model, images, labels)
    let standing = sum(await right(model, images))
    for (const { name, attacked, broken, seconds } of result.parts) {
      expect(attacked).toBe(standing)
      expect(broken).toBe(result.brokenBy.filter(by => by === name).length)
      expect(seconds).toBeGreaterThan(0)
      standing -= broken
    }
    expect(standing).toBe(sum(result.robust))
    expect(result.forwards).toBe(count + sum(result.parts.map(part => part.forwards)))
    expect(result.backwards).toBe(sum(result.parts.map(part => part.backwards)))
  })

  it('breaks no fewer images with more attacks, and more with eps, from the clean accuracy to nothing', async () => {
    const robustOf = async (attack: Attack) => (await attack.run(model, images, labels)).robust
    let before: ArrayLike<number> = await right(model, images)
    for (let length = 1; length <= 5; length++) {
      const robust = await robustOf(short(0.05, shortSeries(0.05).slice(0, length)))
      robust.forEach((r, n) => {
        expect(r).toBeLessThanOrEqual(before[n])
      })
      before = robust
    }
    const accuracies: number[] = []
    for (const eps of [0, 0.03, 0.06, 0.1, 1]) accuracies.push(sum(await robustOf(short(eps))))
    expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a))
    expect(accuracies[0]).toBe(sum(await right(model, images)))
    expect(accuracies.at(-1)).toBe(0)
  })

  it('gives the same for any batch size and order of the images', async () => {
    const run = (pixels: Float32Array, of: number[], options: AttackRunOptions) =>
      short(0.05).run(model, pixels, of, options)
    const whole = await run(images, labels, {})
    for (const batchSize of [5, 16]) {
      expect(timeless(await run(images, labels, { batchSize }))).toEqual(timeless(whole))
    }
    const order = Array.from({ length: count }, (_, i) => (i * 10 + 3) % count)
    const shuffled = new Float32Array(order.flatMap(n => [...image(images, n)]))
    const result = await run(
      shuffled,
      order.map(n => labels[n]),
      { sampleIds: order, batchSize: 11 },
    )
    order.forEach((from, to) => {
      expect(image(result.adversarial, to)).toEqual(image(whole.adversarial, from))
      expect(result.brokenBy[to]).toBe(whole.brokenBy[from])
      expect(result.bestLoss[to]).toBe(whole.bestLoss[from])
    })
  })

  it('stops once nothing stands', async () => {
    const { parts } = await short(1, [apgd({ eps: 1 }), square({ eps: 1 })]).run(model, images, labels)
    expect(parts.map(part => part.name)).toEqual(['apgd-ce'])
  })

  it('tells its progress up to the end and can be aborted', async () => {
    const controller = new AbortController()
    const done: number[] = []
    const onProgress = ({ images: n }: { images: number }) => done.push(n)
    await short(0.05).run(model, images, labels, { batchSize: 20, onProgress })
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(done.at(-1)).toBe(count)
    const attack = short(0.05).run(model, images, labels, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(attack).rejects.toThrow(AbortError)
  })

  it('can be aborted while it probes the model', async () => {
    const controller = new AbortController()
    let passes = 0
    const counted = withLogits(logits => {
      if (++passes === 10) controller.abort()
      return ops.scale(logits, 1e5)
    })
    const attack = autoAttack({ eps: 0.05 }).run(counted, images, labels, { signal: controller.signal })
    await expect(attack).rejects.toThrow(AbortError)
    expect(passes).toBe(10)
  })

  it('is an attack for evaluate like any other', async () => {
    const bytes = Uint8Array.from(images, v => Math.round(v * 255))
    const split = { images: bytes, labels: Int32Array.from(labels), size: count }
    const { robust } = await short(0.05).run(model, images, labels)
    const { attacks } = await evaluate(model, split, { attacks: [short(0.05)], batchSize: 10 })
    expect(attacks[0]).toMatchObject({
      name: 'autoattack-custom',
      eps: 0.05,
      norm: 'linf',
      robustAccuracy: sum(robust) / count,
    })
  })
})

describe('the versions', () => {
  it('run the attacks of the reference code in its order', () => {
    expect(versionParts).toEqual({
      standard: ['apgd-ce', 'apgd-t', 'fab-t', 'square'],
      plus: ['apgd-ce', 'apgd-dlr', 'fab', 'square', 'apgd-t', 'fab-t'],
      rand: ['apgd-ce', 'apgd-dlr'],
    })
    for (const version of ['standard', 'plus', 'rand'] as const) {
      for (const name of versionParts[version]) {
        expect(makePart(name, version, 0.1, 'l2', 10)).toMatchObject({ name, eps: 0.1, norm: 'l2' })
      }
      expect(partsFor(version, 10)).toEqual(versionParts[version])
      expect(partsFor(version, 4)).toEqual(versionParts[version])
    }
  })

  it('do without the losses that few classes have not', () => {
    expect(partsFor('standard', 3)).toEqual(['apgd-ce', 'apgd-dlr', 'fab-t', 'square'])
    expect(partsFor('standard', 2)).toEqual(['apgd-ce', 'fab-t', 'square'])
    expect(partsFor('plus', 3)).toEqual(['apgd-ce', 'apgd-dlr', 'fab', 'square', 'fab-t'])
    expect(partsFor('rand', 2)).toEqual(['apgd-ce'])
  })

  const ten = multiclassLinear({
    weights: Array.from({ length: 10 }, (_, k) => [0.1 * k, 0, 0.3, 0]),
    biases: Array.from({ length: 10 }, (_, k) => (k === 0 ? 40 : -k)),
  })
  const points = new Float32Array(8).fill(0.5)

  it('standard costs a never broken image 7820 and 1900 passes, not more than the 7864 and 1910 of the reference code', async () => {
    const result = await autoAttack({ eps: 0.1, checks: false }).run(ten, points, [0, 0])
    expect(result.parts.map(({ name, forwards, backwards }) => [name, forwards / 2, backwards / 2])).toEqual([
      ['apgd-ce', 103, 100],
      ['apgd-t', 911, 900],
      ['fab-t', 1802, 900],
      ['square', 5003, 0],
    ])
    expect([result.forwards / 2, result.backwards / 2]).toEqual([7820, 1900])
    expect(result.warnings).toEqual([])
    expect(result.brokenBy).toEqual([null, null])
  })

  it('rand averages twenty passes of each iterate', async () => {
    const { parts } = await autoAttack({ eps: 0.1, version: 'rand', checks: false }).run(ten, points, [0, 0])
    expect(parts.map(({ name, forwards, backwards }) => [name, forwards / 2, backwards / 2])).toEqual([
      ['apgd-ce', 102 * 20 + 1, 100 * 20],
      ['apgd-dlr', 102 * 20 + 1, 100 * 20],
    ])
  })

  it('custom runs attacks by name: which eps breaks a linear model of two classes is told exactly', async () => {
    const two = linearClassifier([1, -2, 0.5, 0], 0.35)
    for (const factor of [0.999, 1.001]) {
      const attack = autoAttack({
        eps: (factor * 0.1) / 3.5,
        version: 'custom',
        attacks: ['apgd-ce', 'fab-t'],
        checks: false,
      })
      const { robust, parts, warnings } = await attack.run(two, points.subarray(0, 4), [0])
      expect(robust[0]).toBe(factor < 1 ? 1 : 0)
      expect(parts[0].name).toBe('apgd-ce')
      expect(warnings).toEqual([
        {
          code: 'too-few-classes',
          message: 'For a model of 2 classes AutoAttack has 1 in place of 9 target classes.',
        },
      ])
    }
  })

  it('standard says which attacks it replaces for want of classes', async () => {
    const two = linearClassifier([1, -2, 0.5, 0], 0.35)
    const { warnings, brokenBy, parts } = await autoAttack({ eps: 0.1, checks: false }).run(
      two,
      points.subarray(0, 4),
      [1],
    )
    expect(warnings[0].message).toContain(
      'runs apgd-ce, fab-t, square in place of apgd-ce, apgd-t, fab-t, square and has 1 in place of 9',
    )
    expect([brokenBy, parts]).toEqual([['clean'], []])
  })
})

describe('bad settings are a ConfigError that names the option:', () => {
  const settings: [string, () => unknown, string, RegExp][] = [
    ['eps 8', () => autoAttack({ eps: 8 }), 'eps', /did you mean 8\/255\?/],
    [
      'an unknown version',
      () => autoAttack({ eps: 0.1, version: 'fast' as 'rand' }),
      'version',
      /standard, plus, rand, custom for version of autoAttack but received 'fast'/,
    ],
    [
      'custom without attacks',
      () => autoAttack({ eps: 0.1, version: 'custom' }),
      'attacks',
      /name at least one/,
    ],
    [
      'attacks of another version',
      () => autoAttack({ eps: 0.1, attacks: ['square'] }),
      'attacks',
      /version 'custom' but version is 'standard'/,
    ],
    [
      'an unknown attack',
      () => autoAttack({ eps: 0.1, version: 'custom', attacks: ['pgd' as 'fab'] }),
      'attacks',
      /received 'pgd'/,
    ],
    [
      'attacks of another eps',
      () => autoAttack({ eps: 0.1, version: 'custom', attacks: [pgd({ eps: 0.2 })] }),
      'attacks',
      /eps 0\.1 but pgd-20 has linf and 0\.2/,
    ],
  ]
  it.each(settings)('%s', (_, make, option, sentence) => {
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(make).toThrow(sentence)
  })

  it('pixels outside [0, 1]', async () => {
    const attack = autoAttack({ eps: 0.1 })
    await expect(attack.run(model, images.with(3, 1.5), labels)).rejects.toThrow(/pixels from 0 to 1/)
  })
})

describe('the checks', () => {
  const probe = {
    count: 16,
    images: images.slice(0, 16 * 64),
    labels: Int32Array.from(labels.slice(0, 16)),
    ids: Array.from({ length: 16 }, (_, n) => 100 + n),
  }
  const codes = async (classifier: Classifier, attack = short(0.05, [apgd({ eps: 0.05, steps: 2 })], true)) =>
    (await attack.run(classifier, images, labels)).warnings.map(({ code }) => code)
  /** The network whose logits get a shift on some passes. */
  const shifting = (shifted: (pass: number) => boolean, shift = [0.5, 0, 0, 0]) => {
    let pass = 0
    return withLogits(logits =>
      shifted(pass++) ? ops.biasAdd(logits, tensor(shift, [4], { device: model.device })) : logits,
    )
  }

  it('find nothing wrong with a trained network, and count their passes', async () => {
    expect(await codes(model)).toEqual([])
    const attack = (checked: boolean) => short(0.05, [apgd({ eps: 0.05, steps: 2 })], checked)
    const [checked, unchecked] = [
      await attack(true).run(model, images, labels),
      await attack(false).run(model, images, labels),
    ]
    expect(checked.forwards).toBeGreaterThan(unchecked.forwards + 16 * 10)
    expect(checked.backwards).toBeGreaterThan(unchecked.backwards)
    expect(checked.adversarial).toEqual(unchecked.adversarial)
  })

  it('randomness: see answers that change from pass to pass, and name the images', async () => {
    expect(await codes(shifting(pass => pass % 2 === 1))).toEqual(['random-model'])
    const warning = await checks.checkRandomness(new Oracle(shifting(pass => pass === 2)), probe)
    expect(warning!.message).toContain('16 images: 100, 101,')
    expect(await checks.checkRandomness(new Oracle(shifting(() => true)), probe)).toBeNull()
  })

  it('randomness: say that single answers decide, where it is expected', async () => {
    const random = shifting(pass => pass % 2 === 1)
    const found = await checks.checkModel(new Oracle(random), probe, 'linf', { random: true })
    expect(found.map(({ code }) => code)).toEqual(['single-draws'])
  })

  it('randomness: see predictions that change although as many are right', async () => {
    const turning: Classifier = (() => {
      let pass = 0
      return {
        numClasses: 3,
        inputShape: [1, 1, 1],
        // Image 0 and image 1 are right by turns.
        logits: () => tensor(pass++ % 2 === 0 ? [1, 0, 0, 1, 0, 0] : [0, 1, 0, 0, 1, 0], [2, 3]),
      }
    })()
    const two = { count: 2, images: Float32Array.of(0, 1), labels: Int32Array.of(0, 1), ids: [4, 7] }
    const warning = await checks.checkRandomness(new Oracle(turning), two)
    expect(warning!.message).toContain('2 images: 4, 7')
  })

  it('batch dependence: see batch norm in training mode', async () => {
    const training = await trainedNetwork()
    training.mode = 'train'
    expect(await codes(training)).toContain('batch-dependent')
  })

  it('state: see that passes on other images change the answers', async () => {
    expect(await checks.checkState(new Oracle(shifting(pass => pass >= 2)), probe)).toMatchObject({
      code: 'stateful-forward',
    })
    expect(await checks.checkState(new Oracle(model), probe)).toBeNull()
  })

  it('probabilities: see a softmax and a log-softmax, but not logits of sum 1', () => {
    const logits = [2, 1, -3]
    const total = sum(logits.map(Math.exp))
    const probabilities = Float32Array.from(logits, z => Math.exp(z) / total)
    expect(checks.checkProbabilities(probabilities, 3)!.code).toBe('softmax-output')
    expect(checks.checkProbabilities(probabilities.map(Math.log), 3)!.code).toBe('log-softmax-output')
    expect(checks.checkProbabilities(Float32Array.of(2, 1, -2), 3)).toBeNull()
    expect(checks.checkProbabilities(Float32Array.of(...probabilities, 2, 1, -3), 3)).toBeNull()
  })

  it('zero gradients: see a saturated cross-entropy, which DLR does not mind', async () => {
    const saturated = withLogits(logits => ops.scale(logits, 4096))
    const warning = await checks.checkZeroGradients(new Oracle(saturated), probe)
    expect(warning!.message).toMatch(/zero \(ce: \d+ images: 10\d/)
    expect(warning!.message).not.toContain('dlr')
    expect(await codes(saturated)).toContain('zero-gradients')
  })

  it('finite numbers: see logits that are none', async () => {
    const broken = linearClassifier([1, Number.NaN, 0.5, 0], 1)
    const attack = autoAttack({ eps: 0.1, version: 'custom', attacks: [apgd({ eps: 0.1, steps: 2 })] })
    const { warnings } = await attack.run(broken, new Float32Array(4).fill(0.5), [0])
    expect(warnings).toEqual([{ code: 'not-finite', message: expect.stringContaining('logits hold NaN') }])
  })

  it('an attack without bound: see a model that no gradient moves', async () => {
    const constant: Classifier = {
      numClasses: 4,
      inputShape: [1, 8, 8],
      logits: x =>
        ops.biasAdd(ops.full([x.shape[0], 4], 0, x.device), tensor([2, 0, 0, 0], [4], { device: x.device })),
    }
    expect(await codes(constant)).toEqual(['zero-gradients', 'unbounded-attack-fails'])
  })

  it('an attack of size 0: see an evaluation that it changes', async () => {
    expect(await checks.checkEpsZero(new Oracle(model), probe, 'linf')).toBeNull()
    const later = shifting(pass => pass >= 1, [9, -9, 0, 0])
    expect(await checks.checkEpsZero(new Oracle(later), probe, 'linf')).toMatchObject({
      code: 'eps-zero-changes',
    })
  })

  it('black box against gradients: see and name what only Square breaks', async () => {
    const masked = withLogits(logits => ops.scale(logits, 1e5))
    const series = [apgd({ eps: 0.1, steps: 20 }), square({ eps: 0.1, queries: 100 })]
    const { warnings, brokenBy } = await short(0.1, series, true).run(masked, images, labels)
    const bySquare = brokenBy.flatMap((by, n) => (by === 'square' ? [n] : []))
    expect(bySquare.length).toBeGreaterThan(0)
    const warning = warnings.find(({ code }) => code === 'black-box-stronger')
    expect(warning!.message).toContain(`square broke what attacks by gradient could not`)
    expect(warning!.message).toContain(`: ${bySquare[0]}`)
  })

  it('black box against gradients: need attacks by gradient before, and more than 0.2 % of the images', () => {
    const gradient = { name: 'apgd-ce', usesGradients: true, broken: [1] }
    const box = { name: 'square', usesGradients: false, broken: [5, 8] }
    expect(checks.checkBlackBox([gradient, box], 1000)).toBeNull()
    expect(checks.checkBlackBox([gradient, box], 999)!.message).toContain('2 images: 5, 8')
    expect(checks.checkBlackBox([box, gradient], 10)).toBeNull()
    expect(checks.checkBlackBox([gradient, { ...box, broken: [] }], 0)).toBeNull()
  })
})
