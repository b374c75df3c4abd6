// The distance between feature maps of clean and noisy images.
import { beforeAll, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { featureDistance } from '../../src/evaluation/feature-distance.ts'
import type { Network } from '../../src/nn/network.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { scope } from '../../src/tensor/scope.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { trainDense } from '../../src/training/dense.ts'
import { execute } from '../nn/execute-description.ts'
import { stripes } from '../training/synthetic-dataset.ts'

const data = stripes({ test: 21 })
let model: { network: Network }
beforeAll(async () => {
  const options = { arch: 'conv2', width: 0.1, data, inner: null, augment: false, epochs: 2, batchSize: 32 }
  model = (await trainDense({ ...options, lr: 0.1 })).model
})

const measure = (options: Partial<Parameters<typeof featureDistance>[2]> = {}) =>
  featureDistance(model, data.test, { eps: 0.1, ...options })

it('is 0 without noise and grows with it', async () => {
  expect((await measure({ eps: 0 })).mean).toBe(0)
  const [small, large] = [await measure({ eps: 0.02 }), await measure({ eps: 0.2 })]
  expect(small.mean).toBeGreaterThan(0)
  expect(large.mean).toBeGreaterThan(2 * small.mean)
})

it('does not depend on the batch size', async () => {
  expect((await measure({ batchSize: 4 })).distances).toEqual((await measure()).distances)
})

it('sees the last convolution before the classifier, and changes no later result', async () => {
  const { network } = model
  const x = tensor(
    Float32Array.from(data.test.images.subarray(0, 128), v => v / 255),
    [2, 1, 8, 8],
  )
  const before = await network.logits(x).data()
  const layer = network.convolutions.at(-2)!
  const maps = network.featureMaps(x)
  expect(maps.shape.slice(0, 2)).toEqual([2, layer.spec.weightShape[0]])
  const { weight } = layer.tensorNames
  const { inputs } = network.describe().find(({ parameters }) => parameters.weight === weight)!
  const expected = scope(() => {
    const input = execute(network, x, 'eval').get(inputs[0])!
    return ops.conv2d(input, network.tensors().get(weight)!, layer.geometry)
  })
  expect(await maps.data()).toEqual(await expected.data())
  expect(await network.logits(x).data()).toEqual(before)
})

it('refuses an eps that is no pixel value', async () => {
  await expect(measure({ eps: 8 })).rejects.toThrow(ConfigError)
})
