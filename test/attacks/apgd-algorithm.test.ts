// The ascent of APGD against a plain version of Algorithm 1, one image at a time with its whole history kept.
import { expect, it } from 'vitest'
import { apgdAscent, apgdCheckpoints } from '../../src/attacks/frame/apgd-ascent.ts'
import type { Objective } from '../../src/attacks/frame/objective.ts'
import { row } from '../../src/attacks/frame/oracle.ts'
import { type Norm, threatModel } from '../../src/attacks/frame/threat-model.ts'
import { Tries } from '../../src/attacks/frame/tries.ts'

const pixels = 5
const eps = 0.15

/** A bumpy function of image n, and its gradient. */
function bumps(n: number, x: ArrayLike<number>): { value: number; gradient: number[] } {
  const frequency = (i: number) => 6 + 3 * ((n * 7 + i * 3) % 5)
  const product = Array.from(x).reduce((p, v, i) => p + v * Array.from(x)[(i + 1) % pixels], 0)
  return {
    value: Array.from(x).reduce((s, v, i) => s + Math.sin(frequency(i) * v + n), 0) - product,
    gradient: Array.from(
      x,
      (v, i) =>
        frequency(i) * Math.cos(frequency(i) * v + n) - x[(i + 1) % pixels] - x[(i + pixels - 1) % pixels],
    ),
  }
}

const length = (v: readonly number[], norm: Norm) =>
  norm === 'linf' ? Math.max(...v.map(Math.abs)) : Math.hypot(...v)

/** Points visited, the start first; after Algorithm 1 of the paper, with windows of whole iterations. */
function plainApgd(n: number, original: readonly number[], norm: Norm, steps: number): number[][] {
  const project = (x: readonly number[]) => {
    const moved = x.map((v, i) => v - original[i])
    const size = length(moved, norm)
    const inside =
      norm === 'linf'
        ? moved.map(d => Math.min(eps, Math.max(-eps, d)))
        : moved.map(d => (size > eps ? (d * eps) / size : d))
    return inside.map((d, i) => Math.min(1, Math.max(0, original[i] + d)))
  }
  const f = (x: readonly number[]) => bumps(n, x).value
  const stepFrom = (x: readonly number[], eta: number) => {
    const { gradient } = bumps(n, x)
    const direction =
      norm === 'linf' ? gradient.map(Math.sign) : gradient.map(g => g / length(gradient, 'l2'))
    return project(x.map((v, i) => v + eta * direction[i]))
  }
  const stored = (x: readonly number[]) => x.map(Math.fround)
  const visited = [stored(original)]
  const losses = [f(visited[0])]
  let [x, previous, eta] = [visited[0], visited[0], 2 * eps]
  let best = { x: visited[0], loss: losses[0] }
  let atCheck = { loss: losses[0], halved: true, iteration: 0 }
  const checkpoints = apgdCheckpoints(steps)
  for (let k = 1; k <= steps; k++) {
    const z = stepFrom(x, eta)
    const share = k === 1 ? 1 : 0.75
    const next = stored(project(x.map((v, i) => v + share * (z[i] - v) + (1 - share) * (v - previous[i]))))
    previous = x
    x = next
    visited.push(x)
    losses.push(f(x))
    if (losses[k] > best.loss) best = { x, loss: losses[k] }
    if (!checkpoints.includes(k)) continue
    let rises = 0
    for (let j = atCheck.iteration + 1; j <= k; j++) if (losses[j] > losses[j - 1]) rises++
    const oscillates = rises <= 0.75 * (k - atCheck.iteration)
    const stands = !atCheck.halved && atCheck.loss >= best.loss
    const halved = oscillates || stands
    atCheck = { loss: best.loss, halved, iteration: k }
    if (halved) {
      eta /= 2
      x = best.x
    }
  }
  return visited
}

it.each(['linf', 'l2'] as const)('visits the points of Algorithm 1, image by image: %s', async norm => {
  const count = 8
  const steps = 60
  const images = Float32Array.from({ length: count * pixels }, (_, i) => ((i * 37) % 101) / 100)
  const visited: number[][][] = Array.from({ length: count }, () => [])
  const objective: Objective = {
    async evaluate(points, theirs) {
      const judged = theirs.map((n, i) => {
        visited[n].push([...row(points, i, pixels)])
        return bumps(n, row(points, i, pixels)).value
      })
      return { losses: Float64Array.from(judged), fooled: new Float64Array(theirs.length) }
    },
    async differentiate(points, theirs) {
      const gradient = theirs.flatMap((n, i) => bumps(n, row(points, i, pixels)).gradient)
      return { ...(await objective.evaluate(points, theirs)), gradient: Float32Array.from(gradient) }
    },
  }
  const batch = { count, images, labels: new Int32Array(count), sampleIds: new Int32Array(count), seed: 0 }
  const tries = new Tries(batch)
  const all = Array.from({ length: count }, (_, n) => n)
  const threat = threatModel({ eps, norm })
  await apgdAscent(
    {
      objective,
      threat,
      steps,
      batch,
      images: all,
      start: 'clean',
      stream: 'apgd-ce',
      run: 0,
      untilFooled: true,
    },
    tries,
  )
  for (const n of all) {
    const plain = plainApgd(n, [...row(images, n, pixels)], norm, steps)
    expect(visited[n]).toHaveLength(steps + 1)
    for (const [k, point] of plain.entries()) {
      point.forEach((v, i) => {
        expect(visited[n][k][i]).toBeCloseTo(v, 5)
      })
    }
    const losses = plain.map(point => bumps(n, point).value)
    expect(tries.bestLoss[n]).toBeCloseTo(Math.max(...losses), 5)
    // The step size was halved, or the iterates would not come to rest.
    const last = plain.slice(-10).map(point => bumps(n, point).value)
    expect(Math.max(...last) - Math.min(...last)).toBeLessThan(0.05 * (Math.max(...losses) - losses[0]))
  }
})
