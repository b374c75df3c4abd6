// The losses that attacks maximise.
import { describe, expect, it } from 'vitest'
import { descending, type LossName, losses, margin, topClass } from '../../src/attacks/frame/losses.ts'

function lossOf(name: LossName, logits: readonly number[], label: number, target = 0) {
  const cotangent = new Float64Array(logits.length)
  return { value: losses[name](Float32Array.from(logits), label, cotangent, target), cotangent }
}

describe('values', () => {
  const logits = [3, 1, 0.5, -1]
  it('of DLR and targeted DLR are those of the reference code', () => {
    expect(lossOf('dlr', logits, 0).value).toBeCloseTo(-0.8, 9)
    expect(lossOf('dlr', logits, 1).value).toBeCloseTo(0.8, 9)
    expect(lossOf('dlr-targeted', logits, 0, 2).value).toBeCloseTo(-0.7692308, 7)
    expect(lossOf('dlr-targeted', logits, 1, 2).value).toBeCloseTo(-0.1538462, 7)
  })

  it('of DLR do not change with the scale and shift of the logits', () => {
    const moved = logits.map(z => 1024 * z - 7)
    for (const label of [0, 1, 3]) {
      expect(lossOf('dlr', moved, label).value).toBeCloseTo(lossOf('dlr', logits, label).value, 9)
      expect(lossOf('dlr-targeted', moved, label, 2).value).toBeCloseTo(
        lossOf('dlr-targeted', logits, label, 2).value,
        9,
      )
    }
  })

  it('of the CW loss: a margin of 3 gives −53, one of −60 gives 0 and no gradient', () => {
    expect(lossOf('cw', [3, 0, -1], 0).value).toBe(-53)
    const far = lossOf('cw', [-60, 0, -1], 0)
    expect(far.value).toBe(0)
    expect([...far.cotangent]).toEqual([0, 0, 0])
  })

  it('of cross-entropy stay finite at large logits', () => {
    expect(lossOf('ce', [1000, 0], 1).value).toBeCloseTo(1000, 9)
    expect(lossOf('ce', [1000, 0], 0).value).toBe(0)
  })
})

describe('derivatives agree with central differences', () => {
  const logits = [0.25, -1.5, 2, 0.75, 1.25]
  const cases: [LossName, number, number][] = [
    ['ce', 2, 0],
    ['ce', 0, 0],
    ['dlr', 2, 0],
    ['dlr', 1, 0],
    ['dlr', 4, 0],
    ['dlr-targeted', 2, 1],
    ['dlr-targeted', 0, 3],
    ['dlr-targeted', 2, 4],
    ['cw', 2, 0],
    ['cw', 3, 0],
  ]
  it.each(cases)('%s of label %i, target %i', (name, label, target) => {
    const { cotangent } = lossOf(name, logits, label, target)
    const h = 2 ** -8
    for (let c = 0; c < logits.length; c++) {
      const at = (step: number) =>
        lossOf(
          name,
          logits.map((z, i) => (i === c ? z + step : z)),
          label,
          target,
        ).value
      expect((at(h) - at(-h)) / (2 * h)).toBeCloseTo(cotangent[c], 3)
    }
  })
})

describe('the ranking of classes', () => {
  it('breaks ties by the lower index and puts a NaN first', () => {
    expect(descending(Float32Array.of(1, 2, 2, Number.NaN, 0))).toEqual([3, 1, 2, 0, 4])
    expect(topClass(Float32Array.of(2, 1, 2))).toBe(0)
  })

  it('gives the margin to the best other class', () => {
    expect(margin(Float32Array.of(2, 1, -3), 0)).toBe(1)
    expect(margin(Float32Array.of(2, 1, -3), 2)).toBe(-5)
  })
})
