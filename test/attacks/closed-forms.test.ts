// Attacks on linear models against the optimum known on paper.
import { describe, expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import { fgsm, fgsmRs, pgd } from '../../src/attacks/index.ts'
import { linearClassifier } from './linear-classifier.ts'

const w = [1, -2, 0.5, 0]
const model = linearClassifier(w, 0.35)
const image = new Float32Array([0.5, 0.5, 0.5, 0.5])

async function attacked(attack: Attack, pixels = image, classifier = model) {
  return attack.run(classifier, pixels, new Array(pixels.length / 4).fill(0))
}

describe('the minimal distance of a linear model, 0.1 / ‖w‖', () => {
  const minimal = { linf: 0.1 / 3.5, l2: 0.1 / Math.sqrt(5.25) }
  const makers: [string, 'linf' | 'l2', (eps: number) => Attack][] = [
    ['pgd', 'linf', eps => pgd({ eps })],
    ['pgd of many steps', 'l2', eps => pgd({ eps, norm: 'l2', steps: 40, stepSize: eps / 4 })],
    ['pgd from the image', 'linf', eps => pgd({ eps, randomStart: false })],
    ['pgd from the image', 'l2', eps => pgd({ eps, norm: 'l2', randomStart: false })],
    ['pgd of correct samples', 'linf', eps => pgd({ eps, onlyCorrect: true })],
    ['fgsm', 'linf', eps => fgsm({ eps })],
    ['fgsm', 'l2', eps => fgsm({ eps, norm: 'l2' })],
    ['fgsm-rs of full step', 'linf', eps => fgsmRs({ eps, stepSize: 2 * eps })],
  ]
  it.each(makers)('%s fools just above it and never below: %s', async (_, norm, make) => {
    const above = await attacked(make(1.001 * minimal[norm]))
    const below = await attacked(make(0.999 * minimal[norm]))
    expect(above.robust).toEqual(new Uint8Array([0]))
    expect(below.robust).toEqual(new Uint8Array([1]))
  })
})

describe('the worst point of the L∞ ball', () => {
  const corner = (x: readonly number[], eps: number) =>
    x.map((v, i) => Math.min(1, Math.max(0, v - eps * Math.sign(w[i % 4]))))

  it('is the corner against the gradient, clipped to the box; a coordinate without weight stays', async () => {
    const near = [0.02, 0.99, 0.7, 0.3]
    const { adversarial } = await attacked(pgd({ eps: 0.1, randomStart: false }), new Float32Array(near))
    corner(near, 0.1).forEach((v, i) => {
      expect(adversarial[i]).toBeCloseTo(v, 6)
    })
    expect(adversarial[3]).toBe(Math.fround(0.3))
  })

  it('is reached from any random start when steps · stepSize ≥ 2 · eps', async () => {
    const pixels = Float32Array.from({ length: 4 * 20 }, (_, i) => ((i * 37) % 101) / 100)
    const { adversarial } = await attacked(pgd({ eps: 0.1, stepSize: 0.05, steps: 4 }), pixels)
    corner([...pixels], 0.1).forEach((v, i) => {
      if (w[i % 4] !== 0) expect(adversarial[i]).toBeCloseTo(v, 6)
    })
  })

  it('is approached by steps · stepSize: two steps of 2/255 move a pixel by exactly 4/255', async () => {
    const attack = pgd({ eps: 8 / 255, stepSize: 2 / 255, steps: 2, randomStart: false })
    const { adversarial } = await attacked(attack)
    w.forEach((weight, i) => {
      expect(adversarial[i] - 0.5).toBeCloseTo((-4 / 255) * Math.sign(weight), 6)
    })
  })
})

describe('the worst point of the L2 ball', () => {
  it('lies eps along the gradient', async () => {
    const { adversarial } = await attacked(pgd({ eps: 0.2, norm: 'l2', randomStart: false }))
    const length = Math.hypot(...w)
    w.forEach((weight, i) => {
      expect(adversarial[i]).toBeCloseTo(0.5 - (0.2 * weight) / length, 5)
    })
  })

  it('is approached by normalised steps', async () => {
    const attack = pgd({ eps: 0.5, norm: 'l2', stepSize: 0.01, steps: 3, randomStart: false })
    const { adversarial } = await attacked(attack)
    expect(Math.hypot(...adversarial.map(v => v - 0.5))).toBeCloseTo(0.03, 6)
  })
})

describe('fgsm and fgsm-rs', () => {
  it('fgsm steps 1.25·eps and is clipped to eps', async () => {
    const { adversarial } = await attacked(fgsm({ eps: 0.1 }))
    w.forEach((weight, i) => {
      expect(adversarial[i]).toBeCloseTo(0.5 - 0.1 * Math.sign(weight), 6)
    })
  })

  it('fgsm of a smaller step goes only that far', async () => {
    const { adversarial } = await attacked(fgsm({ eps: 0.1, stepSize: 0.03 }))
    expect(adversarial[0]).toBeCloseTo(0.47, 6)
  })

  it('fgsm-rs starts at random: 1.25·eps from there, clipped, so that some pixels end inside the ball', async () => {
    const pixels = new Float32Array(4 * 200).fill(0.5)
    const { adversarial } = await attacked(fgsmRs({ eps: 0.1 }), pixels)
    const moved = Array.from({ length: 200 }, (_, n) => 0.5 - adversarial[4 * n])
    // From u in [−eps, eps] to min(eps, u + 1.25·eps), at least 0.25·eps.
    expect(Math.min(...moved)).toBeGreaterThan(0.025 - 1e-6)
    expect(Math.min(...moved)).toBeLessThan(0.04)
    expect(Math.max(...moved)).toBeCloseTo(0.1, 6)
    const full = moved.filter(d => d > 0.1 - 1e-6).length / 200
    // u ≥ −0.25·eps, which is 5/8 of the ball.
    expect(full).toBeGreaterThan(0.5)
    expect(full).toBeLessThan(0.75)
  })
})

it('bestLoss is the cross-entropy at the point returned', async () => {
  const { adversarial, bestLoss } = await attacked(pgd({ eps: 0.05, randomStart: false }))
  const margin = w.reduce((sum, weight, i) => sum + weight * adversarial[i], 0.35)
  expect(bestLoss[0]).toBeCloseTo(Math.log1p(Math.exp(-margin)), 5)
})
