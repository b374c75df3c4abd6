import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import { type Initialisation, initialisations } from '../../src/nn/initialisation.ts'
import type { Network } from '../../src/nn/network.ts'
import { keepCount, maskShape, patterns } from '../../src/nn/pattern.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { assign } from '../../src/tensor/ops/optim.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

const create = ({ arch = 'conv4', width = 0.3, device = Device.default } = {}) =>
  models.create(arch, {
    classes: 10,
    inChannels: 3,
    imageSize: [8, 8],
    width,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    device,
  })

const read = (tensors: readonly (Tensor | Tensor<'u8'> | null)[]) =>
  Promise.all(tensors.map(async t => [...(await t!.data())]))
const weightsOf = (network: Network) => read(network.convolutions.map(layer => layer.weight))
const scoresOf = (network: Network) => read(network.convolutions.map(layer => layer.scores))
const masksOf = (network: Network) => read(network.convolutions.map(layer => layer.mask))

describe('masks', () => {
  it.each(patterns)(
    'keep exactly max(1, round(ratio · n)) entries of largest |score|, layer by layer: %s',
    async pattern => {
      const network = create()
      network.drawWeights('signed-kaiming-constant', 1)
      network.drawScores(pattern, 2)
      const scores = await scoresOf(network)
      for (const ratio of [1e-6, 0.05, 0.333, 0.5, 1]) {
        network.updateMasks(ratio)
        const masks = await masksOf(network)
        for (const [l, { spec, mask }] of network.convolutions.entries()) {
          expect(mask!.shape).toEqual(maskShape(spec.weightShape, pattern))
          const keep = keepCount(mask!.size, ratio)
          const order = scores[l]
            .map((score, i) => [Math.abs(score), i])
            .sort(([a, i], [b, j]) => b - a || i - j)
            .slice(0, keep)
            .map(([, i]) => i)
          const expected = new Array(mask!.size).fill(0)
          for (const i of order) expected[i] = 1
          expect(masks[l]).toEqual(expected)
        }
      }
      network.dispose()
    },
  )

  it('keepCount rounds, and keeps at least one', () => {
    expect([keepCount(10, 0.05), keepCount(10, 0.01), keepCount(27, 0.5), keepCount(1728, 1)]).toEqual([
      1, 1, 14, 1728,
    ])
  })

  it('shapes are the leading dimensions of the weight', () => {
    expect(patterns.map(pattern => maskShape([8, 4, 3, 2], pattern))).toEqual([
      [8, 4, 3, 2],
      [8, 4, 3],
      [8, 4],
      [8],
    ])
  })

  it('are what a layer computes with, until they or the weights change', async () => {
    const network = create()
    network.drawWeights('kaiming-normal', 1)
    const layer = network.convolutions[1]
    using x = ops.full([2, layer.spec.weightShape[1], 4, 4], 1)
    const output = async () => {
      using y = layer.forward(x)
      return [...(await y.data())]
    }
    const expected = async () => {
      using effective = layer.mask ? ops.maskedWeight(layer.weight, layer.mask) : ops.copy(layer.weight)
      using y = ops.conv2d(x, effective, { stride: layer.spec.stride, padding: layer.spec.padding })
      return [...(await y.data())]
    }
    const dense = await output()
    expect(dense).toEqual(await expected())
    network.drawScores('element', 2)
    network.updateMasks(0.2)
    const masked = await output()
    expect(masked).toEqual(await expected())
    expect(masked).not.toEqual(dense)
    network.updateMasks(0.1)
    expect(await output()).toEqual(await expected())
    expect(await output()).not.toEqual(masked)
    network.drawWeights('kaiming-normal', 3)
    expect(await output()).toEqual(await expected())
    using other = ops.full(layer.spec.weightShape, 0.5)
    assign(layer.weight, other)
    layer.weightChanged()
    expect(await output()).toEqual(await expected())
    layer.mask = null
    expect(await output()).toEqual(await expected())
    network.dispose()
  })
})

describe('weights and scores', () => {
  it.each(initialisations)(
    'are a function of the seed, layer by layer, on any number of threads: %s',
    async init => {
      const drawn = async (seed: number, device?: Device) => {
        const network = create({ device })
        network.drawWeights(init, seed)
        network.drawScores('element', seed)
        const result = { weights: await weightsOf(network), scores: await scoresOf(network) }
        network.dispose()
        return result
      }
      const first = await drawn(5)
      expect(await drawn(5, new Device({ threads: 1 }))).toEqual(first)
      const other = await drawn(6)
      for (const l of first.weights.keys()) {
        expect(other.weights[l]).not.toEqual(first.weights[l])
        expect(other.scores[l]).not.toEqual(first.scores[l])
      }
      // A seed above 2^32 is another one than its lower half.
      expect((await drawn(5 + 2 ** 32)).weights[1]).not.toEqual(first.weights[1])
    },
  )

  it('differ between layers of one shape, and scores from weights', async () => {
    const network = create({ arch: 'resnet18-cifar', width: 0.1 })
    network.drawWeights('kaiming-uniform', 1)
    network.drawScores('element', 1)
    const [weights, scores] = [await weightsOf(network), await scoresOf(network)]
    const shape = network.convolutions[1].spec.weightShape.join()
    const alike = [...network.convolutions.keys()].filter(
      l => network.convolutions[l].spec.weightShape.join() === shape,
    )
    expect(alike.length).toBeGreaterThan(2)
    expect(new Set(alike.map(l => weights[l].join())).size).toBe(alike.length)
    const signs = (values: number[]) => values.map(Math.sign).join()
    expect(signs(scores[1])).not.toBe(signs(weights[1]))
    network.dispose()
  })

  it('draw the same layer whatever the other layers are', async () => {
    const [narrow, wide] = [create({ arch: 'conv2', width: 1 }), create({ arch: 'conv6', width: 1 })]
    for (const network of [narrow, wide]) network.drawWeights('kaiming-normal', 9)
    expect((await weightsOf(narrow)).slice(0, 2)).toEqual((await weightsOf(wide)).slice(0, 2))
    narrow.dispose()
    wide.dispose()
  })
})

describe('initialisations of a layer of fan-in 576 and fan-out 1152', () => {
  const fanIn = 64 * 9
  const fanOut = 128 * 9
  /** Moments and extremes of 73,728 weights. */
  async function statistics(init: Initialisation) {
    const network = create({ arch: 'conv4', width: 1 })
    network.drawWeights(init, 11)
    const layer = network.convolutions[2]
    expect(layer.spec.weightShape).toEqual([128, 64, 3, 3])
    const w = await layer.weight.data()
    network.dispose()
    const moment = (power: number) => w.reduce((sum, v) => sum + v ** power, 0) / w.length
    const variance = moment(2)
    return {
      mean: moment(1),
      std: Math.sqrt(variance),
      kurtosis: moment(4) / variance ** 2,
      largest: w.reduce((most, v) => Math.max(most, Math.abs(v)), 0),
      smallest: w.reduce((least, v) => Math.min(least, Math.abs(v)), 1),
    }
  }

  it('signed-kaiming-constant: ±√(2 / fan-in), as many of each sign', async () => {
    const { mean, smallest, largest } = await statistics('signed-kaiming-constant')
    const c = Math.fround(Math.sqrt(2 / fanIn))
    expect([smallest, largest]).toEqual([c, c])
    expect(Math.abs(mean)).toBeLessThan(c * 0.015)
  })

  it('kaiming-normal: N(0, 2 / fan-in)', async () => {
    const { mean, std, kurtosis } = await statistics('kaiming-normal')
    expect(std / Math.sqrt(2 / fanIn)).toBeCloseTo(1, 1.8)
    expect(Math.abs(mean)).toBeLessThan(0.015 * std)
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.1)
  })

  it('kaiming-uniform: uniform within √(6 / fan-in)', async () => {
    const { mean, std, kurtosis, largest } = await statistics('kaiming-uniform')
    const bound = Math.sqrt(6 / fanIn)
    expect(largest).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest).toBeGreaterThan(0.999 * bound)
    expect(std / (bound / Math.sqrt(3))).toBeCloseTo(1, 1.8)
    expect(Math.abs(mean)).toBeLessThan(0.015 * std)
    expect(kurtosis).toBeCloseTo(1.8, 1)
  })

  it('xavier-normal: N(0, 2 / (fan-in + fan-out))', async () => {
    const { std, kurtosis } = await statistics('xavier-normal')
    expect(std / Math.sqrt(2 / (fanIn + fanOut))).toBeCloseTo(1, 1.8)
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.1)
  })

  it('scores: uniform within 1/√fan-in, but N(0, 1) for channels', async () => {
    const network = create({ arch: 'conv4', width: 1 })
    for (const pattern of ['element', 'row', 'kernel'] as const) {
      network.drawScores(pattern, 3)
      const scores = (await scoresOf(network))[2]
      const largest = Math.max(...scores.slice(0, 60_000).map(Math.abs))
      expect(largest).toBeLessThanOrEqual(Math.fround(1 / 24))
      expect(largest).toBeGreaterThan(0.99 / 24)
    }
    network.drawScores('channel', 3)
    const channels = (await scoresOf(network)).flat()
    const variance = channels.reduce((sum, v) => sum + v * v, 0) / channels.length
    expect(channels.length).toBeGreaterThan(500)
    expect(variance).toBeGreaterThan(0.8)
    expect(variance).toBeLessThan(1.2)
    network.dispose()
  })
})

describe('batch norm', () => {
  const images = tensor(
    Float32Array.from({ length: 4 * 3 * 64 }, (_, i) => ((i * 7919) % 255) / 255),
    [4, 3, 8, 8],
  )
  const runningOf = (network: Network) =>
    read(network.batchNorms.flatMap(layer => [layer.runningMean, layer.runningVar]))
  const logits = async (network: Network, x = images) => {
    using y = network.logits(x)
    return [...(await y.data())]
  }

  it('in train mode uses the batch and moves the running statistics at each pass', async () => {
    const network = create()
    network.drawWeights('kaiming-normal', 1)
    expect(network.mode).toBe('train')
    const start = await runningOf(network)
    expect(start[0].every(v => v === 0) && start[1].every(v => v === 1)).toBe(true)
    const first = await logits(network)
    const once = await runningOf(network)
    // The running statistics play no part in train mode.
    expect(await logits(network)).toEqual(first)
    const twice = await runningOf(network)
    once[0].forEach((mean, c) => {
      expect(mean).not.toBe(0)
      expect(twice[0][c] / mean).toBeCloseTo(1.9, 4)
    })
    network.dispose()
  })

  it('in eval mode uses the running statistics, leaves them, and sees each image alone', async () => {
    const network = create()
    network.drawWeights('kaiming-normal', 1)
    const trained = await logits(network)
    network.mode = 'eval'
    expect(network.batchNorms.every(layer => layer.mode === 'eval')).toBe(true)
    const running = await runningOf(network)
    const all = await logits(network)
    expect(all).not.toEqual(trained)
    expect(await runningOf(network)).toEqual(running)
    using third = tensor((await images.data()).slice(2 * 192, 3 * 192), [1, 3, 8, 8])
    expect(await logits(network, third)).toEqual(all.slice(20, 30))
    network.mode = 'train'
    expect(await logits(network)).toEqual(trained)
    network.dispose()
  })

  it('takes running statistics that it is given', async () => {
    const network = create()
    network.drawWeights('kaiming-normal', 1)
    network.mode = 'eval'
    const before = await logits(network)
    const layer = network.batchNorms[0]
    const { channels } = layer.spec
    layer.setRunning(new Float32Array(channels).fill(0.5), new Float32Array(channels).fill(4))
    expect(await logits(network)).not.toEqual(before)
    expect([...(await layer.runningVar.data())]).toEqual(new Array(channels).fill(4))
    network.dispose()
  })
})

it('normalisation is the first layer: pixels x give what (x − mean) / std gives without it', async () => {
  const options = {
    classes: 10,
    inChannels: 2,
    imageSize: [8, 8] as const,
    width: 0.2,
    device: Device.default,
  }
  const network = models.create('conv2', { ...options, mean: [0.25, 0.5], std: [0.5, 0.25] })
  const plain = models.create('conv2', { ...options, mean: [0, 0], std: [1, 1] })
  for (const n of [network, plain]) n.drawWeights('kaiming-normal', 1)
  const pixels = Float32Array.from({ length: 128 }, (_, i) => i / 128)
  const normalised = pixels.map((v, i) => (i < 64 ? (v - 0.25) / 0.5 : (v - 0.5) / 0.25))
  using a = network.logits(tensor(pixels, [1, 2, 8, 8]))
  using b = plain.logits(tensor(normalised, [1, 2, 8, 8]))
  const [x, y] = [await a.data(), await b.data()]
  x.forEach((v, i) => {
    expect(v).toBeCloseTo(y[i], 5)
  })
  network.dispose()
  plain.dispose()
})

it('a layer without weight or scores says so', () => {
  const network = create()
  expect(() => network.convolutions[0].weight).toThrow('The layer conv1 has no weight yet.')
  expect(() => network.updateMasks(0.5)).toThrow('The layer conv1 has no scores.')
  network.dispose()
})
