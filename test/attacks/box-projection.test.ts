// The shortest step to a hyperplane inside the pixel box.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stepToHyperplane } from '../../src/attacks/frame/box-projection.ts'
import { type Norm, threatModel } from '../../src/attacks/frame/threat-model.ts'

const norms = ['linf', 'l2'] as const

function project(point: readonly number[], normal: readonly number[], value: number, norm: Norm): number[] {
  const step = new Float64Array(point.length)
  const threat = threatModel({ eps: 1, norm })
  stepToHyperplane(Float32Array.from(point), Float32Array.from(normal), value, threat, step)
  return [...step]
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0)
const length = (d: readonly number[], norm: Norm) =>
  norm === 'linf' ? Math.max(...d.map(Math.abs)) : Math.hypot(...d)

describe('by hand', () => {
  it('away from the box the step is value / dual norm, and a coordinate of normal 0 stays', () => {
    const normal = [1, -2, 0.5, 0]
    const point = [0.5, 0.5, 0.5, 0.5]
    const linf = project(point, normal, 0.1, 'linf')
    const size = 0.1 / 3.5
    for (const [i, d] of [-size, size, -size, 0].entries()) expect(linf[i]).toBeCloseTo(d, 12)
    const l2 = project(point, normal, 0.1, 'l2')
    for (const [i, d] of normal.map(w => (-0.1 * w) / 5.25).entries()) expect(l2[i]).toBeCloseTo(d, 12)
  })

  it('a coordinate at its edge stays there and the others go further', () => {
    const linf = project([0, 0.5, 0.5], [1, 1, 1], 0.5, 'linf')
    for (const [i, d] of [0, -0.25, -0.25].entries()) expect(linf[i]).toBeCloseTo(d, 12)
    const near = project([0.125, 0.5, 0.5], [1, 1, 1], 0.625, 'l2')
    for (const [i, d] of [-0.125, -0.25, -0.25].entries()) expect(near[i]).toBeCloseTo(d, 12)
  })

  it('what the box does not allow ends in the corner that comes nearest', () => {
    for (const norm of norms)
      expect(project([0.25, 0.75, 0.5], [1, -1, -1], 9, norm)).toEqual([-0.25, 0.25, 0.5])
  })

  it('a value of 0 needs no step, and neither value nor normal 0 leads away', () => {
    for (const norm of norms) {
      expect(project([0.25, 0], [1, -1], 0, norm).map(Math.abs)).toEqual([0, 0])
      expect(project([0.25, 0], [0, 0], 3, norm).map(Math.abs)).toEqual([0, 0])
    }
  })

  it('a normal that is not a number ends too', () => {
    for (const norm of norms) expect(project([0.25, 0.5], [Number.NaN, 1], 1, norm)[0]).toBeNaN()
  })
})

/** Coordinates in the box, some at its edges, and weights of very different sizes, some 0; exact in f32. */
const coordinates = fc.array(
  fc.record({
    x: fc.oneof(
      fc.integer({ min: 0, max: 256 }).map(k => k / 256),
      fc.constantFrom(0, 1, 2 ** -20),
    ),
    w: fc.oneof(
      fc.integer({ min: -64, max: 64 }).map(k => k / 16),
      fc.constantFrom(0, 2 ** -12, -(2 ** -12), 1024),
    ),
  }),
  { minLength: 1, maxLength: 12 },
)
const problems = fc.record({
  coordinates,
  /** Of the way to the farthest corner. */
  share: fc.oneof(fc.double({ min: 1e-3, max: 1.5, noNaN: true }), fc.constant(1)),
  sign: fc.constantFrom(-1, 1),
  norm: fc.constantFrom(...norms),
})

interface Problem {
  coordinates: { x: number; w: number }[]
  share: number
  sign: number
  norm: Norm
}

function solve({ coordinates, share, sign, norm }: Problem) {
  const point = coordinates.map(({ x }) => x)
  const normal = coordinates.map(({ w }) => w)
  // Each coordinate's move to the edge that brings the value nearer to zero.
  const toEdge = coordinates.map(({ x, w }) => (sign * w > 0 ? -x : w === 0 ? 0 : 1 - x))
  const most = -sign * dot(normal, toEdge)
  const value = sign * share * most
  return { point, normal, toEdge, most, value, step: project(point, normal, value, norm) }
}

describe('for any point, normal and value', () => {
  it('the step stays in the box and ends on the hyperplane, or as near as the box allows', () => {
    fc.assert(
      fc.property(problems, problem => {
        const { point, normal, most, value, step } = solve(problem)
        for (const [i, d] of step.entries()) {
          expect(point[i] + d).toBeGreaterThanOrEqual(0)
          expect(point[i] + d).toBeLessThanOrEqual(1)
        }
        const left = Math.abs(value + dot(normal, step))
        expect(left).toBeCloseTo(Math.max(0, problem.share - 1) * most, 9 - Math.ceil(Math.log10(most + 1)))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('it is as short as bisection over its length finds', () => {
    fc.assert(
      fc.property(problems, problem => {
        const { normal, toEdge, most, value, step } = solve(problem)
        const { norm } = problem
        const reach = (scale: number) =>
          toEdge.map(
            (edge, i) =>
              Math.sign(edge) * Math.min(scale * (norm === 'linf' ? 1 : Math.abs(normal[i])), Math.abs(edge)),
          )
        let [low, high] = [0, 1e5]
        for (let k = 0; k < 200; k++) {
          const middle = (low + high) / 2
          if (Math.abs(dot(normal, reach(middle))) < Math.min(Math.abs(value), most)) low = middle
          else high = middle
        }
        expect(length(step, norm)).toBeCloseTo(length(reach(high), norm), 7)
      }),
      { seed: 2, numRuns: 500 },
    )
  })

  it('no other step to the hyperplane inside the box is shorter', () => {
    fc.assert(
      fc.property(
        problems,
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
        (problem, wiggles) => {
          fc.pre(problem.share < 0.99)
          const { point, normal, toEdge, value, step, most } = solve(problem)
          fc.pre(most > 0)
          // Any point of the box, then along the way to the best corner until the hyperplane is met.
          const other = point.map((x, i) => Math.min(1, Math.max(0, x + step[i] + wiggles[i])) - x)
          const at = (share: number) => other.map((d, i) => d + share * (toEdge[i] - d))
          const left = (share: number) => problem.sign * (value + dot(normal, at(share)))
          fc.pre(left(0) >= 0)
          const meets = left(0) / (left(0) - left(1))
          expect(length(at(meets), problem.norm)).toBeGreaterThanOrEqual(length(step, problem.norm) - 1e-9)
        },
      ),
      { seed: 3, numRuns: 500 },
    )
  })
})
