// PGD on other losses than the cross-entropy.
import { describe, expect, it } from 'vitest'
import { losses, type UntargetedLoss, untargetedLosses } from '../../src/attacks/frame/losses.ts'
import { pgd } from '../../src/attacks/index.ts'
import { ConfigError } from '../../src/errors.ts'
import { linearClassifier } from './linear-classifier.ts'
import { linearLogits, multiclassLinear, randomLinearModel } from './multiclass-linear.ts'

const eps = 0.05
const model = randomLinearModel(5, 12, 3)
const count = 40
const images = Float32Array.from({ length: 12 * count }, (_, i) => ((i * 37) % 101) / 100)
const image = (pixels: Float32Array, n: number) => pixels.subarray(12 * n, 12 * (n + 1))
const topOf = (x: Float32Array) => {
  const logits = linearLogits(model, x)
  return logits.indexOf(Math.max(...logits))
}
const labels = Array.from({ length: count }, (_, n) => (n % 5 === 0 ? n % 5 : topOf(image(images, n))))
const run = (loss: UntargetedLoss, scale = 1, options = {}) =>
  pgd({ eps, steps: 6, loss, ...options }).run(multiclassLinear(model, { scale }), images, labels)

it.each(untargetedLosses)('bestLoss is %s at the image returned', async loss => {
  const { adversarial, bestLoss } = await run(loss)
  for (let n = 0; n < count; n++) {
    const logits = Float32Array.from(linearLogits(model, image(adversarial, n)))
    expect(bestLoss[n]).toBeCloseTo(losses[loss](logits, labels[n], new Float64Array(5), -1), 4)
  }
})

it.each(untargetedLosses)(
  '%s: from the image, one step goes eps along the sign of the gradient',
  async loss => {
    const settings = { steps: 1, stepSize: eps, randomStart: false }
    const { adversarial } = await run(loss, 1, settings)
    const cotangent = new Float64Array(5)
    for (let n = 0; n < count; n++) {
      const x = image(images, n)
      losses[loss](Float32Array.from(linearLogits(model, x)), labels[n], cotangent.fill(0), -1)
      for (let j = 0; j < 12; j++) {
        const slope = cotangent.reduce((sum, c, k) => sum + c * model.weights[k][j], 0)
        const expected = Math.min(1, Math.max(0, x[j] + eps * Math.sign(slope)))
        if (Math.abs(slope) > 1e-3) expect(image(adversarial, n)[j]).toBeCloseTo(expected, 6)
      }
    }
  },
)

it('dlr does not see the scale of the logits, under which the cross-entropy loses its gradient', async () => {
  const plain = await run('dlr')
  const scaled = await run('dlr', 1024)
  expect(scaled.adversarial).toEqual(plain.adversarial)
  const right = (robust: Uint8Array) => robust.reduce((sum, flag) => sum + flag, 0)
  const saturated = await run('ce', 2 ** 16)
  expect(right(saturated.robust)).toBeGreaterThan(right(plain.robust))
})

it('onlyCorrect freezes what is wrong, whatever the loss', async () => {
  for (const loss of untargetedLosses) {
    const { adversarial } = await run(loss, 1, { randomStart: false, onlyCorrect: true })
    const wrong = labels.filter((label, n) => topOf(image(images, n)) !== label)
    expect(wrong.length).toBeGreaterThan(3)
    labels.forEach((label, n) => {
      if (topOf(image(images, n)) !== label) expect(image(adversarial, n)).toEqual(image(images, n))
    })
  }
})

describe('bad settings', () => {
  it('an unknown loss, and too few classes for one', async () => {
    expect(() => pgd({ eps, loss: 'hinge' as 'cw' })).toThrow(/one of ce, dlr, cw for loss/)
    const two = pgd({ eps, loss: 'dlr' }).run(linearClassifier([1, 2], 0), new Float32Array(2), [0])
    await expect(two).rejects.toThrow(ConfigError)
    await expect(two).rejects.toThrow(/at least 3 classes/)
  })
  it('the name tells the loss', () => {
    expect(pgd({ eps, loss: 'dlr' })).toMatchObject({ name: 'pgd-dlr-20', settings: { loss: 'dlr', eps } })
  })
})
