// Bandits: its queries, the points that it finds, and what it asks of a model.
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { Oracle } from '../../src/attacks/frame/oracle.ts'
import { type BanditsOptions, bandits } from '../../src/attacks/index.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import type { Device } from '../../src/tensor/device.ts'
import { isTracked } from '../../src/tensor/tape.ts'
import { linearClassifier } from './linear-classifier.ts'
import { count, image, imageSize, images, labels, sum, trainedNetwork } from './trained-network.ts'

const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values))

describe('on a linear model', () => {
  const w = Array.from({ length: 72 }, (_, i) => Math.sin(i + 1))
  // Margin 0.5 at the grey image.
  const model: Classifier = { ...linearClassifier(w, 0.5 - 0.5 * sum(w)), inputShape: [2, 6, 6] }
  const minimal = { linf: 0.5 / sum(w.map(Math.abs)), l2: 0.5 / norm(w) }
  const images = 10
  const grey = new Float32Array(images * 72).fill(0.5)

  it.each(['linf', 'l2'] as const)(
    'the attack fools in %s at 1.1 times the minimal distance and never below it',
    async name => {
      const run = (eps: number) =>
        bandits({ eps, norm: name, queries: 3000, tile: 6, imageLearningRate: eps / 4 }).run(
          model,
          grey,
          new Array(images).fill(0),
        )
      const above = await run(1.1 * minimal[name])
      const below = await run(0.999 * minimal[name])
      expect([...above.robust]).toEqual(new Array(images).fill(0))
      expect([...below.robust]).toEqual(new Array(images).fill(1))
      expect(above.warnings).toEqual([])
      // It came close to the largest loss in the ball, at a margin of 0.001 · 0.5, and not beyond it.
      const largest = Math.log1p(Math.exp(-0.0005))
      for (const loss of below.bestLoss) {
        expect(loss).toBeLessThan(largest + 1e-6)
        expect(loss).toBeGreaterThan(largest - 0.01)
      }
    },
  )

  it.each(['linf', 'l2'] as const)('the settings of the paper fool in %s in a large ball', async name => {
    const attack = bandits({ eps: 20 * minimal[name], norm: name, queries: 1000 })
    const { robust } = await attack.run(model, grey, new Array(images).fill(0))
    expect([...robust]).toEqual(new Array(images).fill(0))
  })
})

describe('the queries of an iteration', () => {
  afterEach(() => vi.restoreAllMocks())

  const { logits } = Oracle.prototype

  /** Whatever the model is asked from now on. */
  function recorded(): Float32Array[] {
    const asked: Float32Array[] = []
    vi.spyOn(Oracle.prototype, 'logits').mockImplementation(function (this: Oracle, x) {
      asked.push(x.slice())
      return logits.call(this, x)
    })
    return asked
  }

  /** The queries of the first iteration and the image that it leads to, all as changes of a grey image. */
  async function firstIteration(options: Partial<BanditsOptions>, shape: readonly [number, number, number]) {
    vi.restoreAllMocks()
    const asked = recorded()
    const size = shape[0] * shape[1] * shape[2]
    const w = Array.from({ length: size }, (_, i) => Math.sin(i + 1))
    const model: Classifier = { ...linearClassifier(w, 1 - 0.5 * sum(w)), inputShape: shape }
    const grey = new Float32Array(size).fill(0.5)
    await bandits({ eps: 0.03, queries: 2, ...options }).run(model, grey, [0])
    const [, probes, image] = asked.map(x => x.map(v => v - 0.5))
    return { plus: probes.slice(0, size), minus: probes.slice(size), image, w }
  }

  it.each([
    ['linf' as const, 0.1],
    ['l2' as const, 0.01],
  ])('in %s are two opposite points at the distance fdEta, %f by default', async (name, fdEta) => {
    const { plus, minus } = await firstIteration({ norm: name }, [3, 8, 8])
    expect(norm(plus)).toBeCloseTo(fdEta, 5)
    plus.forEach((v, i) => {
      expect(minus[i]).toBeCloseTo(-v, 6)
    })
  })

  it.each([
    [32, undefined, 7],
    [28, undefined, 6],
    [8, undefined, 4],
    [3, undefined, 3],
    [8, 2, 2],
    [8, 8, 8],
  ])('on a side of %i pixels, with tile %o, have %i values along it', async (side, tile, expected) => {
    const { plus } = await firstIteration({ tile }, [1, side, side])
    const rows = Array.from({ length: side }, (_, y) => String(plus.slice(y * side, (y + 1) * side)))
    const columns = Array.from({ length: side }, (_, x) => String(plus.filter((_, i) => i % side === x)))
    const runs = (lines: string[]) => lines.filter((line, i) => line !== lines[i - 1]).length
    expect(runs(rows)).toBe(expected)
    expect(runs(columns)).toBe(expected)
  })

  it('move the image by imageLearningRate towards the point of larger loss, by its sign or its direction', async () => {
    const linf = await firstIteration({}, [1, 8, 8])
    const l2 = await firstIteration({ norm: 'l2', eps: 2 }, [1, 8, 8])
    for (const [{ plus, minus, image, w }, name] of [
      [linf, 'linf'],
      [l2, 'l2'],
    ] as const) {
      // The loss grows as the logit w·x falls.
      const logit = (change: Float32Array) => w.reduce((total, weight, i) => total + weight * change[i], 0)
      const better = logit(plus) < logit(minus) ? plus : minus
      image.forEach((v, i) => {
        expect(v).toBeCloseTo(name === 'linf' ? 0.01 * Math.sign(better[i]) : (0.5 / 0.01) * better[i], 4)
      })
    }
  })

  it('stay in the box', async () => {
    const asked = recorded()
    const model = linearClassifier([1, 2, -1, 1], 10)
    await bandits({ eps: 0.1, queries: 20 }).run(model, new Float32Array([0, 1, 0.001, 0.999]), [0])
    expect(asked.length).toBe(2 + 20)
    for (const x of asked) expect(x.every(v => v >= 0 && v <= 1)).toBe(true)
  })
})

describe('on a trained network', () => {
  let model: Network
  beforeAll(async () => {
    model = await trainedNetwork()
  })
  const run = (settings: BanditsOptions, options?: AttackRunOptions) =>
    bandits(settings).run(model, images, labels, options)
  const cleanOf = async () => (await run({ eps: 0, queries: 2 })).robust

  it.each([
    ['linf' as const, 0.15],
    ['l2' as const, 1],
  ])('the images found in %s stay in ball and box', async (name, eps) => {
    // Some pixels at the ends of the box.
    const extreme = images.map((v, i) => (i % 5 === 0 ? 0 : i % 7 === 0 ? 1 : v))
    const result = await bandits({ eps, norm: name, queries: 60 }).run(model, extreme, labels)
    expect(new Set(result.robust)).toEqual(new Set([0, 1]))
    expect(result.warnings).toEqual([])
    expect(result.adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
    for (let n = 0; n < count; n++) {
      const moved = image(result.adversarial, n).map((v, i) => v - extreme[n * imageSize + i])
      expect(name === 'linf' ? Math.max(...moved.map(Math.abs)) : norm(moved)).toBeLessThanOrEqual(eps + 1e-6)
    }
  })

  it('an image that resists passes 1 + 3·⌊queries/2⌋ + 1 times, without a gradient; others are asked no more', async () => {
    const clean = await cleanOf()
    const right = sum(clean)
    expect(right).toBeLessThan(count)
    let passes = 0
    const blackBox: Classifier & { device: Device } = {
      device: model.device,
      numClasses: 4,
      inputShape: [1, 8, 8],
      logits: x => {
        if (isTracked(x)) throw new Error('This model has no gradient.')
        passes += x.shape[0]
        return model.logits(x)
      },
    }
    // A ball so small that it fools nothing.
    const attack = bandits({ eps: 1e-6, queries: 11 })
    const { forwards, backwards, robust } = await attack.run(blackBox, images, labels, { batchSize: 10 })
    expect(robust).toEqual(clean)
    expect(forwards).toBe(2 * count + 15 * right)
    expect(passes).toBe(forwards)
    expect(backwards).toBe(0)
    const larger = await bandits({ eps: 0.4, queries: 400 }).run(model, images, labels)
    expect(sum(larger.robust)).toBe(0)
    expect(larger.forwards).toBeLessThan(2 * count + 600 * right)
  })

  it('images that are wrong already are untouched', async () => {
    const clean = await cleanOf()
    const { adversarial, robust } = await run({ eps: 0.5, queries: 20 })
    clean.forEach((right, n) => {
      if (right) return
      expect(robust[n]).toBe(0)
      expect(image(adversarial, n)).toEqual(image(images, n))
    })
  })

  it.each(['linf', 'l2'] as const)('eps 0 gives the clean accuracy in %s', async name => {
    const { robust, adversarial, warnings } = await run({ eps: 0, norm: name, queries: 6 })
    expect(robust).toEqual(await cleanOf())
    expect(adversarial).toEqual(images)
    expect(warnings).toEqual([])
  })

  it('more queries only ever fool more, and raise the loss of what resists', async () => {
    const settings = { eps: 0.15, imageLearningRate: 0.03 }
    const [fewer, more] = [await run({ ...settings, queries: 20 }), await run({ ...settings, queries: 200 })]
    for (let n = 0; n < count; n++) {
      expect(more.robust[n]).toBeLessThanOrEqual(fewer.robust[n])
      if (more.robust[n] === 1) expect(more.bestLoss[n]).toBeGreaterThanOrEqual(fewer.bestLoss[n])
    }
    expect(sum(more.robust)).toBeLessThan(sum(fewer.robust))
  })

  it.each([
    ['linf' as const, [0, 0.03, 0.06, 0.1, 0.4], 0.01],
    ['l2' as const, [0, 0.2, 0.4, 0.8, 3], 0.1],
  ])(
    'robust accuracy falls with eps in %s, to nothing in the end',
    async (name, radii, imageLearningRate) => {
      const results = await Promise.all(
        radii.map(eps => run({ eps, norm: name, queries: 400, imageLearningRate })),
      )
      const robust = results.map(result => sum(result.robust))
      expect(robust).toEqual([...robust].sort((a, b) => b - a))
      expect(robust[0]).toBeGreaterThan(robust[2])
      expect(robust.at(-1)).toBe(0)
    },
  )

  it.each(['linf', 'l2'] as const)('the result in %s depends on neither batch size nor order', async name => {
    const settings = { eps: name === 'linf' ? 0.15 : 1, norm: name, queries: 40 }
    const whole = await run(settings)
    for (const batchSize of [1, 16]) expect(await run(settings, { batchSize })).toEqual(whole)
    const order = Array.from({ length: count }, (_, i) => (i * 10 + 3) % count)
    const shuffled = new Float32Array(images.length)
    order.forEach((from, to) => {
      shuffled.set(image(images, from), to * imageSize)
    })
    const result = await bandits(settings).run(
      model,
      shuffled,
      order.map(i => labels[i]),
      { sampleIds: order, batchSize: 16 },
    )
    order.forEach((from, to) => {
      expect(result.robust[to]).toBe(whole.robust[from])
      expect(result.bestLoss[to]).toBe(whole.bestLoss[from])
      expect(image(result.adversarial, to)).toEqual(image(whole.adversarial, from))
    })
    expect(await run(settings, { seed: 1 })).not.toEqual(whole)
  })

  it('a tile larger than the images is refused', async () => {
    await expect(run({ eps: 0.1, tile: 50 })).rejects.toThrow(
      expect.objectContaining({ option: 'tile', message: expect.stringMatching(/from 1 to 8.*received 50/) }),
    )
  })
})

describe('bad settings are a ConfigError that names the option:', () => {
  it.each([
    ['eps', { eps: 8 }, /did you mean 8\/255\?/],
    [
      'queries',
      { eps: 0.1, queries: 1 },
      /at least 2, two an iteration, for queries of bandits but received 1/,
    ],
    ['fdEta', { eps: 0.1, fdEta: 0 }, /above 0 for fdEta of bandits but received 0/],
    ['exploration', { eps: 0.1, exploration: Number.NaN }, /received NaN/],
    ['imageLearningRate', { eps: 0.1, imageLearningRate: -1 }, /received -1/],
    ['onlineLearningRate', { eps: 0.1, onlineLearningRate: Number.POSITIVE_INFINITY }, /received Infinity/],
  ])('%s %o', (option, settings, sentence) => {
    expect(() => bandits(settings)).toThrow(ConfigError)
    expect(() => bandits(settings)).toThrow(expect.objectContaining({ option }))
    expect(() => bandits(settings)).toThrow(sentence)
  })
})
