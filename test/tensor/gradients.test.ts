// Each differentiable op against central differences: that its backward is wired to the right tensors and options.
import { describe, expect, it } from 'vitest'
import { maskShape, patterns } from '../../src/nn/pattern.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { recordMaskedWeight } from '../../src/tensor/ops/mask.ts'
import { grad } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { expectGradients, type Input, type Tolerance, uniform } from './numeric-gradient.ts'

type Case = [name: string, f: (...inputs: Tensor[]) => Tensor, inputs: Input[], tolerance?: Tolerance]

/** A step that suits functions linear in each input: only rounding is left. */
const linear: Tolerance = { step: 0.25, error: 1e-5 }

/** Uniform values that keep away from 0, where ReLU has a kink. */
function awayFromZero(shape: readonly number[], seed: number): Input {
  const { values } = uniform(shape, seed)
  return { shape, values: values.map(v => v + 0.1 * Math.sign(v)) }
}

/** Distinct values, far enough apart that a step changes no maximum. */
function distinct(shape: readonly number[]): Input {
  const size = shape.reduce((product, d) => product * d, 1)
  return { shape, values: Float32Array.from({ length: size }, (_, i) => ((i * 37) % size) / 10) }
}

const labels = () => tensor([2, 0, 4], [3], { dtype: 'i32' })

const cases: Case[] = [
  ['conv2d 3×3', (x, w) => ops.conv2d(x, w), [uniform([2, 3, 5, 4], 1), uniform([4, 3, 3, 3], 2)], linear],
  [
    'conv2d, stride 2, padding 1, 17 images',
    (x, w) => ops.conv2d(x, w, { stride: 2, padding: 1 }),
    [uniform([17, 2, 5, 5], 1), uniform([3, 2, 3, 3], 2)],
    linear,
  ],
  [
    'conv2d 5×5, stride 3, padding 2',
    (x, w) => ops.conv2d(x, w, { stride: 3, padding: 2 }),
    [uniform([2, 2, 7, 6], 1), uniform([2, 2, 5, 5], 2)],
    linear,
  ],
  [
    'conv2d 1×1, stride 2',
    (x, w) => ops.conv2d(x, w, { stride: 2 }),
    [uniform([3, 4, 4, 4], 1), uniform([2, 4, 1, 1], 2)],
    linear,
  ],
  [
    'linear with bias',
    (x, w, b) => ops.linear(x, w, b),
    [uniform([3, 6], 1), uniform([4, 6], 2), uniform([4], 3)],
    linear,
  ],
  ['linear without bias', (x, w) => ops.linear(x, w), [uniform([3, 6], 1), uniform([4, 6], 2)], linear],
  [
    'linear of images',
    (x, w, b) => ops.linear(x, w, b),
    [uniform([2, 3, 2, 2], 1), uniform([4, 12], 2), uniform([4], 3)],
    linear,
  ],
  ['maxPool2d 2', x => ops.maxPool2d(x, 2), [distinct([2, 2, 4, 4])]],
  [
    'maxPool2d 3, stride 2, padding 1',
    x => ops.maxPool2d(x, 3, { stride: 2, padding: 1 }),
    [distinct([2, 2, 5, 5])],
  ],
  ['avgPool2d 2', x => ops.avgPool2d(x, 2), [uniform([2, 2, 4, 4], 1)], linear],
  [
    'avgPool2d 3, stride 2, padding 1',
    x => ops.avgPool2d(x, 3, { stride: 2, padding: 1 }),
    [uniform([2, 2, 5, 5], 1)],
    linear,
  ],
  ['globalAvgPool', x => ops.globalAvgPool(x), [uniform([3, 4, 3, 2], 1)], linear],
  ['exp', x => ops.exp(x), [uniform([17, 3], 1, -2, 2)]],
  ['log', x => ops.log(x), [uniform([2, 3, 4, 3], 1, 0.5, 2)]],
  ['gather', x => ops.gather(x, labels()), [uniform([3, 5], 1)], linear],
  ['max', x => ops.max(x), [distinct([3, 5])]],
  ['crossEntropy', x => ops.crossEntropy(x, labels()), [uniform([3, 5], 1, -2, 2)]],
  [
    'crossEntropy with label smoothing',
    x => ops.crossEntropy(x, labels(), { smoothing: 0.2 }),
    [uniform([3, 5], 1, -2, 2)],
  ],
  ['add', (a, b) => ops.add(a, b), [uniform([2, 3], 1), uniform([2, 3], 2)], linear],
  ['sub', (a, b) => ops.sub(a, b), [uniform([2, 3], 1), uniform([2, 3], 2)], linear],
  ['mul', (a, b) => ops.mul(a, b), [uniform([2, 3], 1), uniform([2, 3], 2)], linear],
  ['scale', x => ops.scale(x, -1.5), [uniform([2, 3], 1)], linear],
  ['relu', x => ops.relu(x), [awayFromZero([3, 2, 3, 3], 1)]],
  ['normalize', x => ops.normalize(x, [0.4, 0.5], [0.25, 2]), [uniform([2, 2, 3, 3], 1)], linear],
  ['biasAdd', (x, b) => ops.biasAdd(x, b), [uniform([2, 3, 2, 2], 1), uniform([3], 2)], linear],
  ['reshape', x => ops.reshape(x, [4, -1]), [uniform([2, 3, 2, 2], 1)], linear],
  ['copy', x => ops.copy(x), [uniform([2, 3], 1)], linear],
  ['sum', x => ops.sum(x), [uniform([2, 3, 2], 1)], linear],
  ['mean', x => ops.mean(x), [uniform([2, 3, 2], 1)], linear],
]

describe('gradients equal central differences:', () => {
  it.each(cases)('%s', async (_, f, inputs, tolerance) => {
    await expectGradients(f, inputs, tolerance)
  })
})

describe('batchNorm gradients equal central differences:', () => {
  const shape = [5, 2, 3, 2]
  const combinations = (['train', 'eval'] as const).flatMap(mode =>
    [0, 1, 2, 3, 4, 5, 6, 7].map(bits => ({
      mode,
      relu: (bits & 1) > 0,
      residual: (bits & 2) > 0,
      affine: (bits & 4) > 0,
    })),
  )
  it.each(combinations)('$mode, relu $relu, residual $residual, affine $affine', async options => {
    const { mode, relu } = options
    const inputs = [uniform(shape, 11)]
    if (options.residual) inputs.push(uniform(shape, 12))
    if (options.affine) inputs.push(uniform([2], 13, 0.5, 1.5), uniform([2], 14))
    const f = (x: Tensor, ...rest: Tensor[]) => {
      const residual = options.residual ? rest[0] : undefined
      const [gamma, beta] = options.affine ? rest.slice(-2) : []
      const [runningMean, runningVar] = [tensor([0.2, -0.1]), tensor([0.5, 2])]
      return ops.batchNorm(x, runningMean, runningVar, { mode, relu, residual, gamma, beta })
    }
    await expectGradients(f, inputs, { step: 2e-3, error: 3e-3 })
  })
})

describe('convBatchNorm gradients equal central differences:', () => {
  it.each([
    { relu: false, residual: false, stride: 1 },
    { relu: true, residual: true, stride: 1 },
    { relu: true, residual: false, stride: 2 },
  ])('relu $relu, residual $residual, stride $stride', async ({ relu, residual, stride }) => {
    const inputs = [uniform([3, 2, 4, 4], 21), uniform([3, 2, 3, 3], 22)]
    // Drawn so that no input of the ReLU lies within a step of zero.
    if (residual) inputs.push(uniform([3, 3, 4, 4], 32))
    const f = (x: Tensor, weight: Tensor, added?: Tensor) => {
      const [mean, variance] = [tensor([0.2, -0.1, 0.3]), tensor([0.5, 2, 1])]
      return ops.convBatchNorm(x, weight, mean, variance, { stride, padding: 1, relu, residual: added })
    }
    await expectGradients(f, inputs, { step: 2e-3, error: 3e-3 })
  })
})

describe('masked weights', () => {
  const shape = [4, 3, 3, 2]
  const x = uniform([2, 3, 4, 4], 21)
  const weight = uniform(shape, 22)

  function maskedConv(images: Tensor, w: Tensor, mask: Tensor<'u8'>, scores: Tensor | null): Tensor {
    const effective = ops.maskedWeight(w, mask)
    recordMaskedWeight(effective, w, mask, scores)
    return ops.conv2d(images, effective, { padding: 1 })
  }

  it.each(patterns)('gradients reach the image and the kept weights: %s', async pattern => {
    const groups = maskShape(shape, pattern)
    const scores = uniform(groups, 23)
    const mask = ops.topkMask(tensor(scores.values, groups), Math.ceil(scores.values.length / 2))
    await expectGradients((images, w) => maskedConv(images, w, mask, null), [x, weight], linear)
  })

  it.each(patterns)(
    'straight-through score gradient = sign(score) · Σ dW ⊙ W of its group, kept or not: %s',
    async pattern => {
      const groups = maskShape(shape, pattern)
      const { values } = uniform(groups, 24)
      const scores = tensor(values, groups)
      const mask = ops.topkMask(scores, 2)
      const images = tensor(x.values, x.shape)
      const w = tensor(weight.values, shape)
      const effective = ops.maskedWeight(w, mask)
      const r = uniform([2, 4, 4, 5], 25)
      const loss = (maps: Tensor) => ops.sum(ops.mul(maps, tensor(r.values, r.shape)))
      const dense = grad(() => loss(ops.conv2d(images, effective, { padding: 1 })), [effective])
      const dEffective = await dense.gradients[0].data()

      const { gradients } = grad(() => loss(maskedConv(images, w, mask, scores)), [scores])
      const actual = await gradients[0].data()
      const group = weight.values.length / values.length
      const expected = Array.from(values, (score, g) => {
        let sum = 0
        for (let i = g * group; i < (g + 1) * group; i++) sum += dEffective[i] * weight.values[i]
        return sum * Math.sign(score)
      })
      expected.forEach((e, g) => {
        expect(actual[g]).toBeCloseTo(e, 3)
      })
      expect(expected.filter(e => Math.abs(e) > 0.05).length).toBeGreaterThan(2)
    },
  )
})
