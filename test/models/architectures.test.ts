import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import type { Network, NetworkOptions } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { grad } from '../../src/tensor/tape.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const options = (change: Partial<NetworkOptions> = {}): NetworkOptions => {
  const { inChannels = 3 } = change
  return {
    classes: 10,
    inChannels,
    imageSize: [32, 32],
    width: 1,
    mean: new Array(inChannels).fill(0.5),
    std: new Array(inChannels).fill(0.25),
    device: Device.default,
    ...change,
  }
}

/** Weights of the blocks with two 3×3 convolutions, and a 1×1 one where the width or the resolution changes. */
function basicStages(stem: number, planes: readonly number[], blocks: readonly number[]): number {
  let inputs = stem
  let weights = 0
  planes.forEach((outputs, stage) => {
    for (let block = 0; block < blocks[stage]; block++) {
      const changes = inputs !== outputs || (block === 0 && stage > 0)
      weights += 9 * inputs * outputs + 9 * outputs * outputs + (changes ? inputs * outputs : 0)
      inputs = outputs
    }
  })
  return weights
}

/** Weights of torchvision's model: its parameters less 2 a batch-norm channel and the classifier's bias. */
const torchvision = (parameters: number, normChannels: number, classes = 1000) =>
  parameters - 2 * normChannels - classes

describe('weights at width 1:', () => {
  const cases: [arch: string, weights: number, layers: number, change?: Partial<NetworkOptions>][] = [
    // 11,173,962 parameters of the common CIFAR ResNet-18, less 2 · 4800 of batch norm and 10 of bias.
    ['resnet18-cifar', 11_173_962 - 2 * 4800 - 10, 21],
    ['preact-resnet18', 27 * 64 + basicStages(64, [64, 128, 256, 512], [2, 2, 2, 2]) + 5120, 21],
    ['wide-resnet-34-10', 27 * 16 + basicStages(16, [160, 320, 640], [5, 5, 5]) + 6400, 35],
    ['resnet18', torchvision(11_689_512, 4800), 21, { classes: 1000, imageSize: [224, 224] }],
    ['resnet50', torchvision(25_557_032, 26560), 54, { classes: 1000, imageSize: [224, 224] }],
    ['resnet101', torchvision(44_549_160, 52672), 105, { classes: 1000, imageSize: [224, 224] }],
    ['conv2', 27 * 64 + 9 * 64 * 64 + 9 * 64 * 128 + 1280, 4],
    ['conv4', 27 * 64 + 9 * (64 * 64 + 64 * 128 + 128 * 128 + 128 * 256) + 2560, 6],
    // Of the common definitions for CIFAR-10 and MNIST, less biases and two a batch-norm channel.
    ['lenet5', 61_706 - (6 + 16 + 120 + 84 + 10), 5, { inChannels: 1 }],
    ['mobilenet-v2-cifar', 2_296_922 - 2 * 17_544 - 10, 58],
    ['vgg16-bn-cifar', 14_728_266 - 3 * 4224 - 10, 14],
    ['conv6', 27 * 64 + 9 * (64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256 + 256 * 512) + 5120, 8],
  ]

  it.each(cases)('%s has %i in %i layers', (arch, weights, layers, change) => {
    const network = models.create(arch, options(change))
    expect(network.weightCount).toBe(weights)
    // Projections of WRN-34-10 and the pre-activation network included.
    expect(network.convolutions).toHaveLength(layers)
    network.dispose()
  })

  it('known totals: 11,164,352 of the ResNet-18s and 46.16 million of WRN-34-10', () => {
    const count = (arch: string) => models.create(arch, options()).weightCount
    expect(count('resnet18-cifar')).toBe(11_164_352)
    expect(count('preact-resnet18')).toBe(11_164_352)
    expect(count('wide-resnet-34-10') / 1e6).toBeCloseTo(46.14, 1)
  })

  it('every architecture is in this list', () => {
    expect(cases.map(([arch]) => arch).sort()).toEqual([...models.names].sort())
  })
})

describe('every architecture computes logits and gradients at small width:', () => {
  it.each([...models.names])('%s', async arch => {
    const imageNet = /^resnet\d+$/.test(arch)
    const imageSize = imageNet ? ([64, 64] as const) : ([32, 32] as const)
    const device = new Device({ threads: 2 })
    const width = arch === 'lenet5' ? 0.5 : 0.06
    const network = models.create(arch, options({ imageSize, width, classes: 7, device }))
    network.drawWeights('signed-kaiming-constant', 1)
    network.drawScores('element', 2)
    network.updateMasks(0.5)
    const size = 3 * 3 * imageSize[0] ** 2
    const x = tensor(
      Float32Array.from({ length: size }, (_, i) => ((i * 7919) % 255) / 255),
      [3, 3, ...imageSize],
      { device },
    )
    const scores = network.convolutions.map(layer => layer.scores!)
    const { value, gradients } = grad(() => {
      const logits = network.logits(x)
      return { loss: ops.sum(ops.mul(logits, logits)), logits }
    }, [x, ...scores])
    expect(value.logits.shape).toEqual([3, 7])
    const logits = await value.logits.data()
    expect(logits.every(Number.isFinite)).toBe(true)
    expect(new Set(logits).size).toBeGreaterThan(7)
    for (const [i, gradient] of gradients.entries()) {
      const values = await gradient.data()
      const name = i === 0 ? 'input' : network.convolutions[i - 1].spec.name
      expect(values.every(Number.isFinite), name).toBe(true)
      expect(
        values.some(v => v !== 0),
        name,
      ).toBe(true)
    }
    network.mode = 'eval'
    const evaluated = network.logits(x)
    expect((await evaluated.data()).every(Number.isFinite)).toBe(true)

    for (const t of [x, evaluated, ...Object.values(value), ...gradients]) t.dispose()
    network.dispose()
    await device.synchronize()
    expect(device.memory().inUse).toBe(0)
  })

  it('also on the image size it is made for: resnet18 at 224, resnet18-cifar at 32', async () => {
    for (const [arch, side] of [
      ['resnet18', 224],
      ['resnet18-cifar', 32],
    ] as const) {
      const network = models.create(arch, options({ imageSize: [side, side], width: 0.05 }))
      network.drawWeights('kaiming-normal', 1)
      using x = ops.full([1, 3, side, side], 0.4)
      using y = network.logits(x)
      expect(y.shape).toEqual([1, 10])
      expect((await y.data()).every(Number.isFinite)).toBe(true)
      network.dispose()
    }
  })

  it.each(['conv2', 'conv6', 'resnet18-cifar', 'preact-resnet18'])('grayscale: %s', async arch => {
    const network = models.create(arch, options({ inChannels: 1, imageSize: [28, 28], width: 0.05 }))
    network.drawWeights('kaiming-normal', 1)
    expect(network.inputShape).toEqual([1, 28, 28])
    expect(network.convolutions[0].spec.weightShape[1]).toBe(1)
    using x = ops.full([2, 1, 28, 28], 0.4)
    using y = network.logits(x)
    expect(y.shape).toEqual([2, 10])
    network.dispose()
  })
})

describe('names', () => {
  it('wide-resnet32, the name in the paper, is wide-resnet-34-10', () => {
    expect(models.canonicalName('wide-resnet32')).toBe('wide-resnet-34-10')
    const layers = (network: Network) => network.convolutions.map(({ spec }) => spec)
    const width = 0.1
    expect(layers(models.create('wide-resnet32', options({ width })))).toEqual(
      layers(models.create('wide-resnet-34-10', options({ width }))),
    )
  })

  it('of layers are unique in every network', () => {
    for (const arch of models.names) {
      const network = models.create(arch, options({ width: 0.05 }))
      const names = [...network.convolutions, ...network.batchNorms].map(({ spec }) => spec.name)
      expect(new Set(names).size, arch).toBe(names.length)
      network.dispose()
    }
  })

  it('that are unknown, and sizes that cannot be, are a ConfigError', () => {
    const refuses = (arch: string, change: Partial<NetworkOptions>, option: string) =>
      expect(() => models.create(arch, options(change))).toThrow(
        expect.objectContaining({ name: 'ConfigError', option }),
      )
    refuses('resnet19', {}, 'arch')
    refuses('toString', {}, 'arch')
    refuses('conv2', { width: 0 }, 'width')
    refuses('conv2', { width: 65 }, 'width')
    refuses('conv2', { classes: 1 }, 'classes')
  })
})
