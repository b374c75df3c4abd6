// The Square Attack: its schedule, its draws, the points it finds, and what it asks of a model.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { bump, type ImageShape, l2Sampling, linfSampling } from '../../src/attacks/frame/square-sampling.ts'
import { square } from '../../src/attacks/index.ts'
import { squareShare } from '../../src/attacks/square.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import { Draws } from '../../src/random/draws.ts'
import { Purpose, RandomStream } from '../../src/random/philox.ts'
import type { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { isTracked } from '../../src/tensor/tape.ts'
import { linearClassifier } from './linear-classifier.ts'
import { count, imageSize, images, labels, sum, trainedNetwork } from './trained-network.ts'

const drawsOf = (id: number) => new Draws(new RandomStream(0, Purpose.attackStep, 0, id))
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values))

describe('the schedule', () => {
  const settings = { queries: 5000, pInit: 0.8, rescaleSchedule: false }
  const [linf, l2] = [linfSampling(0.1, [3, 32, 32]), l2Sampling(0.1, [3, 32, 32])]

  it.each([
    [0, 29, 29],
    [10, 29, 29],
    [11, 20, 21],
    [50, 20, 21],
    [51, 14, 15],
    [201, 10, 11],
    [501, 7, 7],
    [1001, 5, 5],
    [2001, 4, 5],
    [4000, 4, 5],
    [4001, 3, 3],
  ])('at proposal %i has squares of side %i in L∞ and %i in L2 on 32×32', (query, sideInLinf, sideInL2) => {
    const p = squareShare(query, settings)
    expect(linf.side(p)).toBe(sideInLinf)
    expect(l2.side(p)).toBe(sideInL2)
  })

  it('ends at pInit/512 after 8000 proposals', () => {
    expect(squareShare(8001, { ...settings, queries: 20000 })).toBe(0.8 / 512)
  })

  it('stretches to the queries when rescaled', () => {
    const rescaled = { queries: 100, pInit: 0.8, rescaleSchedule: true }
    expect([0, 1, 2, 3, 99].map(query => squareShare(query, rescaled))).toEqual(
      [1, 4, 4, 8, 512].map(divisor => 0.8 / divisor),
    )
  })

  it('has windows that fit any image, odd in L2', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (h, w, p) => {
          const side = linfSampling(0.1, [1, h, w]).side(p)
          const odd = l2Sampling(0.1, [1, h, w]).side(p)
          expect(side).toBeGreaterThanOrEqual(1)
          expect(side).toBeLessThanOrEqual(Math.min(h, w))
          expect(odd % 2).toBe(1)
          expect(odd).toBeLessThanOrEqual(Math.min(h, w))
          expect(odd).toBeGreaterThanOrEqual(Math.min(h, w) < 3 ? 1 : 3)
        },
      ),
      { seed: 1 },
    )
  })
})

describe('the draws in L∞', () => {
  const shape: ImageShape = [2, 5, 7]
  const eps = 0.1
  const grey = new Float32Array(70).fill(0.5)
  const changes = (x: Float32Array) => Array.from(x, (v, i) => Math.round((v - grey[i]) / eps))

  it('start with vertical stripes of ±eps, each channel its own', () => {
    const x = new Float32Array(70)
    linfSampling(eps, shape).start(grey, x, drawsOf(1))
    const signs = changes(x)
    signs.forEach((sign, i) => {
      expect(Math.abs(sign)).toBe(1)
      expect(sign).toBe(signs[Math.floor(i / 35) * 35 + (i % 7)])
    })
    expect(signs.slice(0, 7)).not.toEqual(signs.slice(35, 42))
    expect(new Set(signs).size).toBe(2)
  })

  it('change a square to one sign a channel, at every place of the image alike', () => {
    const sampling = linfSampling(eps, shape)
    const draws = drawsOf(2)
    const windows = { side: 3, corners: new Int32Array(2) }
    const places = new Map<string, number>()
    const signs = new Set<string>()
    for (let i = 0; i < 1500; i++) {
      const x = grey.slice()
      sampling.propose(grey, x, windows, draws)
      const [top, left] = windows.corners
      const found = changes(x)
      const first = [found[top * 7 + left], found[35 + top * 7 + left]]
      const expected = found.map((_, j) => {
        const [c, r, w] = [Math.floor(j / 35), Math.floor(j / 7) % 5, j % 7]
        return r >= top && r < top + 3 && w >= left && w < left + 3 ? first[c] : 0
      })
      expect(found).toEqual(expected)
      places.set(`${top},${left}`, (places.get(`${top},${left}`) ?? 0) + 1)
      signs.add(String(first))
    }
    expect(places.size).toBe(3 * 5)
    expect(Math.min(...places.values())).toBeGreaterThan(60)
    expect([...signs].sort()).toEqual(['-1,-1', '-1,1', '1,-1', '1,1'])
  })
})

describe('the draws in L2', () => {
  it('add bumps of norm 1: one half positive, the other negative, highest in their middles', () => {
    for (const side of [1, 2, 3, 5, 6, 9]) {
      const shape = bump(side)
      const half = (side >> 1) * side
      expect(norm(shape)).toBeCloseTo(1, 12)
      expect(shape.slice(0, half).every(v => v > 0)).toBe(true)
      expect(shape.slice(half).every(v => v < 0)).toBe(true)
    }
    // 1/1 + 1/4 in the middle, 1/4 around; the upper half is one row.
    const three = bump(3)
    expect(three[1] / three[0]).toBeCloseTo(5, 12)
    expect(three[7] / three[8]).toBeCloseTo(5, 12)
  })

  it('start with a grid of bumps, of norm eps where the box leaves room', () => {
    const x = new Float32Array(2 * 10 * 10)
    const grey = new Float32Array(200).fill(0.5)
    l2Sampling(0.3, [2, 10, 10]).start(grey, x, drawsOf(3))
    const change = x.map((v, i) => v - grey[i])
    expect(norm(change)).toBeCloseTo(0.3, 6)
    // Tiles of 2×2 pixels, in each as much positive as negative.
    for (let tile = 0; tile < 50; tile++) {
      const from = 20 * Math.floor(tile / 5) + 2 * (tile % 5)
      const pixels = [0, 1, 10, 11].map(i => change[from + i])
      expect(Math.min(...pixels.map(Math.abs))).toBeGreaterThan(0.005)
      expect(sum(pixels)).toBeCloseTo(0, 6)
    }
  })

  it('keep the norm eps over many proposals, change only the two windows and empty the second', () => {
    const shape: ImageShape = [3, 9, 8]
    const sampling = l2Sampling(0.4, shape)
    const draws = drawsOf(4)
    const original = Float32Array.from({ length: 216 }, (_, i) => 0.3 + ((i * 37) % 40) / 100)
    const x = new Float32Array(216)
    sampling.start(original, x, draws)
    for (let i = 0; i < 2000; i++) {
      const before = x.slice()
      const windows = { side: [1, 3, 5, 7][i % 4], corners: new Int32Array(4) }
      sampling.propose(original, x, windows, draws)
      const [top, left, top2, left2] = windows.corners
      const inside = (t: number, l: number, j: number) => {
        const [r, w] = [Math.floor(j / 8) % 9, j % 8]
        return r >= t && r < t + windows.side && w >= l && w < l + windows.side
      }
      const kept = x.every((v, j) => inside(top, left, j) || inside(top2, left2, j) || v === before[j])
      const emptied = x.every((v, j) => inside(top, left, j) || !inside(top2, left2, j) || v === original[j])
      expect([kept, emptied]).toEqual([true, true])
      expect(Math.abs(norm(x.map((v, j) => v - original[j])) - 0.4)).toBeLessThan(1e-6)
    }
  })

  it('never leave ball and box, whatever the image and its size', () => {
    const arbitrary = fc.record({
      shape: fc.tuple(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
      ),
      eps: fc.double({ min: 0, max: 5, noNaN: true }),
      id: fc.nat(),
    })
    fc.assert(
      fc.property(arbitrary, ({ shape, eps, id }) => {
        const sampling = l2Sampling(eps, shape)
        const draws = drawsOf(id)
        const original = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () =>
          Math.min(1, Math.max(0, 1.5 * draws.uniform() - 0.25)),
        )
        const x = new Float32Array(original.length)
        sampling.start(original, x, draws)
        for (let i = 0; i < 20; i++) {
          const side = sampling.side(0.8 / 2 ** (i / 3))
          sampling.propose(original, x, { side, corners: new Int32Array(4) }, draws)
          expect(x.every(v => v >= 0 && v <= 1)).toBe(true)
          expect(norm(x.map((v, j) => v - original[j]))).toBeLessThanOrEqual(eps + 1e-6)
        }
      }),
      { seed: 1 },
    )
  })
})

describe('on a linear model the attack', () => {
  const w = Array.from({ length: 72 }, (_, i) => Math.sin(i + 1))
  const offset = 0.5 - 0.5 * sum(w)
  // Margin 0.5 at the grey image.
  const model: Classifier = { ...linearClassifier(w, offset), inputShape: [2, 6, 6] }
  const grey = new Float32Array(10 * 72).fill(0.5)
  const minimal = { linf: 0.5 / sum(w.map(Math.abs)), l2: 0.5 / norm(w) }

  it.each([
    ['linf' as const, 1.01],
    ['l2' as const, 1.5],
  ])(
    'fools in %s above the minimal distance (%f times) and never below it',
    async (name, factor) => {
      const run = (eps: number) =>
        square({ eps, norm: name, queries: 3000 }).run(model, grey, new Array(10).fill(0))
      const above = await run(factor * minimal[name])
      const below = await run(0.999 * minimal[name])
      expect([...above.robust]).toEqual(new Array(10).fill(0))
      expect([...below.robust]).toEqual(new Array(10).fill(1))
      expect(below.adversarial).toEqual(grey)
      expect(above.warnings).toEqual([])
      // It came close: what remains of the margin of 0.5.
      if (name === 'linf') expect(Math.max(...below.bestLoss)).toBeCloseTo(-0.001 * 0.5, 6)
    },
    20_000,
  )
})

describe('at a margin of exactly 0', () => {
  const zero = new Float32Array(12).fill(0.5)
  const model = { ...linearClassifier(new Array(12).fill(1), -6), inputShape: [1, 3, 4] as const }

  it('an image that the tie leaves right is attacked all the same', async () => {
    const { robust } = await square({ eps: 0.1, queries: 20 }).run(model, zero, [0])
    expect([...robust]).toEqual([0])
  })

  it('an image that the tie makes wrong is left alone', async () => {
    const { robust, adversarial, forwards } = await square({ eps: 0.1, queries: 20 }).run(model, zero, [1])
    expect([...robust]).toEqual([0])
    expect(adversarial).toEqual(zero)
    expect(forwards).toBe(2)
  })

  it('a model of equal logits ends as it is', async () => {
    const equal: Classifier = { ...model, logits: x => ops.full([x.shape[0], 2], 0, x.device) }
    const { robust, forwards } = await square({ eps: 0.1, queries: 5 }).run(
      equal,
      new Float32Array(24).fill(0.5),
      [0, 1],
    )
    expect([...robust]).toEqual([1, 0])
    expect(forwards).toBe(2 + 6 + 2)
  })
})

describe('on a trained network', () => {
  let model: Network
  beforeAll(async () => {
    model = await trainedNetwork()
  })
  const run = (settings: Parameters<typeof square>[0], options?: AttackRunOptions) =>
    square(settings).run(model, images, labels, options)
  const cleanOf = async () => (await run({ eps: 0, queries: 1 })).robust

  /** The model, counting how often each image passes through it; it refuses to be differentiated. */
  function blackBox(): { classifier: Classifier & { device: Device }; passes: () => number } {
    let passes = 0
    return {
      passes: () => passes,
      classifier: {
        device: model.device,
        numClasses: 4,
        inputShape: [1, 8, 8],
        logits: x => {
          if (isTracked(x)) throw new Error('This model has no gradient.')
          passes += x.shape[0]
          return model.logits(x)
        },
      },
    }
  }

  it.each([
    ['linf' as const, 0.15],
    ['l2' as const, 1],
  ])(
    'the images found in %s stay in ball and box; those that resist come back as they were',
    async (name, eps) => {
      // Some pixels at the ends of the box.
      const extreme = images.map((v, i) => (i % 5 === 0 ? 0 : i % 7 === 0 ? 1 : v))
      const result = await square({ eps, norm: name, queries: 60 }).run(model, extreme, labels)
      expect(new Set(result.robust)).toEqual(new Set([0, 1]))
      expect(result.warnings).toEqual([])
      expect(result.adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
      for (let n = 0; n < count; n++) {
        const moved = result.adversarial
          .slice(n * imageSize, (n + 1) * imageSize)
          .map((v, i) => v - extreme[n * imageSize + i])
        const size = name === 'linf' ? Math.max(...moved.map(Math.abs)) : norm(moved)
        expect(size).toBeLessThanOrEqual(eps + 1e-6)
        if (result.robust[n] === 1) expect(size).toBe(0)
        // A margin found below 0 is a success, and the other way round.
        expect(result.bestLoss[n] > 0).toBe(result.robust[n] === 0)
      }
    },
  )

  it('an image that resists passes 1 + (1 + queries) · restarts + 1 times, without a gradient', async () => {
    const clean = await cleanOf()
    const right = sum(clean)
    expect(right).toBeLessThan(count)
    for (const [queries, restarts] of [
      [7, 1],
      [4, 3],
    ]) {
      const { classifier, passes } = blackBox()
      // A ball so small that it fools nothing.
      const attack = square({ eps: 1e-6, queries, restarts })
      const { forwards, backwards, robust } = await attack.run(classifier, images, labels, { batchSize: 10 })
      expect(robust).toEqual(clean)
      expect(forwards).toBe(2 * count + right * (1 + queries) * restarts)
      expect(passes()).toBe(forwards)
      expect(backwards).toBe(0)
    }
  })

  it('an image fooled is asked about no more: fewer passes for a larger ball', async () => {
    const right = sum(await cleanOf())
    const { classifier, passes } = blackBox()
    const { forwards } = await square({ eps: 1, queries: 50 }).run(classifier, images, labels)
    expect(forwards).toBe(passes())
    expect(forwards).toBeLessThan(2 * count + right * 51)
    expect(forwards).toBeGreaterThanOrEqual(2 * count + right)
  })

  it('images that are wrong already are untouched', async () => {
    const clean = await cleanOf()
    const { adversarial, robust } = await run({ eps: 0.5, queries: 20 })
    clean.forEach((right, n) => {
      if (right) return
      expect(robust[n]).toBe(0)
      const [from, to] = [n * imageSize, (n + 1) * imageSize]
      expect(adversarial.slice(from, to)).toEqual(images.slice(from, to))
    })
  })

  it.each(['linf', 'l2'] as const)('eps 0 gives the clean accuracy in %s', async name => {
    const { robust, adversarial, warnings } = await run({ eps: 0, norm: name, queries: 3 })
    expect(robust).toEqual(await cleanOf())
    expect(adversarial).toEqual(images)
    expect(warnings).toEqual([])
  })

  it('more queries and more restarts only ever fool more, and raise the loss of what resists', async () => {
    const settings = { eps: 0.12, queries: 10 }
    const fewer = await run(settings)
    for (const more of [await run({ ...settings, queries: 80 }), await run({ ...settings, restarts: 3 })]) {
      for (let n = 0; n < count; n++) {
        expect(more.robust[n]).toBeLessThanOrEqual(fewer.robust[n])
        if (more.robust[n] === 1) expect(more.bestLoss[n]).toBeGreaterThanOrEqual(fewer.bestLoss[n])
      }
      expect(sum(more.robust)).toBeLessThan(sum(fewer.robust))
    }
  })

  it.each([
    ['linf' as const, [0, 0.05, 0.12, 0.3, 1]],
    ['l2' as const, [0, 0.4, 1, 2, 8]],
  ])('robust accuracy falls with eps in %s, to nothing in the end', async (name, radii) => {
    const results = await Promise.all(radii.map(eps => run({ eps, norm: name, queries: 200 })))
    const robust = results.map(result => sum(result.robust))
    expect(robust).toEqual([...robust].sort((a, b) => b - a))
    expect(robust[0]).toBeGreaterThan(robust[2])
    expect(robust.at(-1)).toBe(0)
  })

  it.each(['linf', 'l2'] as const)('the result in %s depends on neither batch size nor order', async name => {
    const settings = { eps: name === 'linf' ? 0.12 : 1, norm: name, queries: 30, restarts: 2 }
    const whole = await run(settings)
    for (const batchSize of [1, 16]) expect(await run(settings, { batchSize })).toEqual(whole)
    const order = Array.from({ length: count }, (_, i) => (i * 10 + 3) % count)
    const shuffled = new Float32Array(images.length)
    order.forEach((from, to) => {
      shuffled.set(images.subarray(from * imageSize, (from + 1) * imageSize), to * imageSize)
    })
    const result = await square(settings).run(
      model,
      shuffled,
      order.map(i => labels[i]),
      { sampleIds: order, batchSize: 16 },
    )
    order.forEach((from, to) => {
      expect(result.robust[to]).toBe(whole.robust[from])
      expect(result.bestLoss[to]).toBe(whole.bestLoss[from])
      expect(result.adversarial.slice(to * imageSize, (to + 1) * imageSize)).toEqual(
        whole.adversarial.slice(from * imageSize, (from + 1) * imageSize),
      )
    })
    expect(await run(settings, { seed: 1 })).not.toEqual(whole)
  })
})

describe('bad settings are a ConfigError that names the option:', () => {
  it.each([
    ['eps', { eps: 8 }, /did you mean 8\/255\?/],
    ['queries', { eps: 0.1, queries: 0 }, /at least 1 for queries of square but received 0/],
    ['restarts', { eps: 0.1, restarts: 1.5 }, /for restarts of square but received 1\.5/],
    ['pInit', { eps: 0.1, pInit: 0 }, /above 0 and up to 1 for pInit of square but received 0/],
    ['pInit', { eps: 0.1, pInit: Number.NaN }, /received NaN/],
  ])('%s %o', (option, settings, sentence) => {
    expect(() => square(settings)).toThrow(ConfigError)
    expect(() => square(settings)).toThrow(expect.objectContaining({ option }))
    expect(() => square(settings)).toThrow(sentence)
  })
})
