import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  meanOfShares,
  pairedDifference,
  quantile,
  summariseDistances,
  wilsonInterval,
} from '../../src/evaluation/statistics.ts'
import { RandomStream } from '../../src/random/philox.ts'

const close = (...values: number[]) => values.map(value => expect.closeTo(value, 4))
const flags = (ones: number, zeros: number) => [...new Array(ones).fill(1), ...new Array(zeros).fill(0)]

describe("Wilson's interval", () => {
  it('has known values, and both ends for no success and no failure', () => {
    expect(wilsonInterval(5, 10)).toEqual(close(0.2366, 0.7634))
    expect(wilsonInterval(0, 10)).toEqual(close(0, 0.2775))
    expect(wilsonInterval(10, 10)).toEqual(close(0.7225, 1))
    expect(wilsonInterval(289, 500)).toEqual(close(0.5343, 0.6205))
    expect(wilsonInterval(0, 0)).toEqual([0, 1])
  })
})

describe('a mean of shares', () => {
  it("of 0 and 1 has Wilson's interval", () => {
    for (const [right, wrong] of [
      [3, 7],
      [0, 12],
      [12, 0],
      [289, 211],
    ]) {
      const { mean, interval } = meanOfShares(flags(right, wrong))
      expect(mean).toBe(right / (right + wrong))
      const [low, high] = wilsonInterval(right, right + wrong)
      expect(interval).toEqual([expect.closeTo(low, 12), expect.closeTo(high, 12)])
    }
  })

  it('of an expectation an image has the standard error over images, less than that of single draws', () => {
    const { mean, standardError, interval } = meanOfShares([0, 0.5, 0.5, 1])
    expect([mean, standardError]).toEqual(close(0.5, Math.sqrt(0.5 / 3 / 4)))
    expect(interval[0]).toBeGreaterThan(wilsonInterval(2, 4)[0])
    expect(meanOfShares([0.5, 0.5, 0.5])).toEqual({ mean: 0.5, standardError: 0, interval: [0.5, 0.5] })
    expect(meanOfShares([1, 1]).interval).toEqual(wilsonInterval(2, 2))
    expect(meanOfShares([])).toEqual({ mean: Number.NaN, standardError: Number.NaN, interval: [0, 1] })
  })

  it('lies in its interval, which lies in [0, 1]', () => {
    const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(shares, given => {
        const { mean, interval } = meanOfShares(given)
        expect(interval[0]).toBeGreaterThanOrEqual(0)
        expect(interval[0]).toBeLessThanOrEqual(mean + 1e-12)
        expect(interval[1]).toBeGreaterThanOrEqual(mean - 1e-12)
        expect(interval[1]).toBeLessThanOrEqual(1)
      }),
      { seed: 1 },
    )
  })

  it('covers what it estimates in about 95 of 100 samples', () => {
    const stream = new RandomStream(3, 5)
    let covered = 0
    for (let sample = 0; sample < 1000; sample++) {
      // Of mean ½, by two tickets each right with probability ½ on each image.
      const shares = Array.from({ length: 100 }, (_, n) => {
        const word = stream.word(sample * 100 + n)
        return ((word >>> 31) + ((word >>> 30) & 1)) / 2
      })
      const [low, high] = meanOfShares(shares).interval
      if (low < 0.5 && 0.5 < high) covered++
    }
    expect(covered).toBeGreaterThan(930)
    expect(covered).toBeLessThan(970)
  })
})

describe('a paired difference', () => {
  it("of right and wrong has McNemar's z, and the interval of Agresti and Min", () => {
    // 20 images that only a gets right, 8 only b, 72 the same.
    const a = [...flags(20, 8), ...flags(40, 32)]
    const b = [...flags(0, 20), ...flags(8, 0), ...flags(40, 32)]
    const { difference, standardError, z, interval } = pairedDifference(a, b)
    expect([difference, standardError, z]).toEqual(
      close(0.12, Math.sqrt((0.28 - 0.0144) / 99), 12 / Math.sqrt(28)),
    )
    const centre = 12 / 102
    const half = 1.95996 * Math.sqrt((29 / 102 - centre ** 2) / 102)
    expect(interval).toEqual(close(centre - half, centre + half))
    const mirrored = pairedDifference(b, a)
    expect([mirrored.difference, mirrored.z]).toEqual([-difference, -z])
    expect(mirrored.interval).toEqual(close(-interval[1], -interval[0]))
  })

  it('is smaller than the independent one where both get the same images right', () => {
    const a = flags(60, 40)
    const b = flags(57, 43)
    const { difference, standardError } = pairedDifference(a, b)
    expect(difference).toBeCloseTo(0.03, 12)
    const independent = Math.hypot(meanOfShares(a).standardError, meanOfShares(b).standardError)
    expect(standardError).toBeLessThan(independent / 3)
  })

  it('of the same answers is nothing, but not certainly nothing', () => {
    const { difference, standardError, z, interval } = pairedDifference(flags(30, 20), flags(30, 20))
    expect([difference, standardError, z]).toEqual([0, 0, 0])
    expect(interval[0]).toBeLessThan(-0.02)
    expect(interval[1]).toBe(-interval[0])
  })

  it('needs the same images twice', () => {
    expect(() => pairedDifference([1, 0], [1])).toThrow(
      'Expected the same images twice but received 2 and 1.',
    )
    expect(pairedDifference([], []).interval).toEqual([-1, 1])
  })
})

describe('quantiles', () => {
  it('interpolate, and come to Infinity where the values do', () => {
    const values = [1, 2, 4, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    expect([0, 0.1, 0.25, 0.5, 0.6, 0.75, 1].map(q => quantile(values, q))).toEqual([
      1,
      1.4,
      2,
      4,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ])
    expect(quantile([7], 0.3)).toBe(7)
    expect(quantile([], 0.5)).toBeNaN()
  })

  it('summarise distances of which some were not found', () => {
    const { POSITIVE_INFINITY } = Number
    expect(summariseDistances([0.4, POSITIVE_INFINITY, 0.1, 0.2, 0.3])).toEqual({
      attacked: 5,
      found: 4,
      median: 0.3,
      quantiles: {
        0.1: expect.closeTo(0.14, 12),
        0.25: 0.2,
        0.5: 0.3,
        0.75: 0.4,
        0.9: POSITIVE_INFINITY,
      },
    })
    expect(summariseDistances([POSITIVE_INFINITY]).found).toBe(0)
    expect(summariseDistances([]).median).toBeNaN()
  })
})
