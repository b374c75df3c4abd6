// Whole networks against values that PyTorch computed in double precision from the same weights, scores and images
// (test/fixtures/make-resnet18.py).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Device, grad, models, ops, tensor } from '../../src/index.ts'
import type { Network } from '../../src/nn/network.ts'
import { keepCount } from '../../src/nn/pattern.ts'
import {
  expectLogits,
  expectRunning,
  expectSampled,
  imagesOf,
  type Sampled,
  weightsAndScores,
} from './pytorch-values.ts'

interface Pass {
  inputStream: number
  firstPixels: number[]
  loss: number
  logits: number[][]
  inputGradient: Sampled
  scoreGradients: Record<string, Sampled>
  runningStatistics?: Record<string, { mean: number[]; var: number[] }>
}
interface Fixture {
  ratio: number
  inputShape: [number, number, number, number]
  labels: number[]
  mean: number[]
  std: number[]
  samples: number
  layers: {
    name: string
    shape: number[]
    keep: number
    keptPositive: number
    keptIndexSum: number
    firstWeights: number[]
    firstScores: number[]
  }[]
  networks: Record<string, { train: Pass; eval?: Pass }>
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../fixtures/resnet18.json', import.meta.url), 'utf8'),
)

function build(arch: string): Network {
  const [, channels, height, width] = fixture.inputShape
  const { mean, std } = fixture
  const network = models.create(arch, {
    classes: 10,
    inChannels: channels,
    imageSize: [height, width],
    width: 1,
    mean,
    std,
    device: Device.default,
  })
  network.convolutions.forEach((layer, l) => {
    const shape = layer.spec.weightShape
    const { weights, scores } = weightsAndScores(l, shape)
    expect([...weights.subarray(0, 4)]).toEqual(fixture.layers[l].firstWeights.map(Math.fround))
    expect([...scores.subarray(0, 4)]).toEqual(fixture.layers[l].firstScores.map(Math.fround))
    layer.weight = tensor(weights, shape)
    layer.scores = tensor(scores, shape)
  })
  network.updateMasks(fixture.ratio)
  return network
}

async function runPass(network: Network, pass: Pass): Promise<void> {
  const { inputShape } = fixture
  const x = imagesOf(inputShape, pass.inputStream)
  const labels = tensor(fixture.labels, [inputShape[0]], { dtype: 'i32' })
  const layers = network.convolutions
  const { value, gradients } = grad(() => {
    const logits = network.logits(x)
    return { loss: ops.mean(ops.crossEntropy(logits, labels)), logits }
  }, [x, ...layers.map(layer => layer.scores!)])

  expect((await value.loss.data())[0]).toBeCloseTo(pass.loss, 4)
  await expectLogits(value.logits, pass.logits)
  await expectSampled(gradients[0], pass.inputGradient, 'input gradient')
  for (const [i, layer] of layers.entries()) {
    await expectSampled(
      gradients[i + 1],
      pass.scoreGradients[layer.spec.name],
      `score gradient of ${layer.spec.name}`,
    )
  }
  for (const t of [x, labels, value.loss, value.logits, ...gradients]) t.dispose()
}

async function expectStatistics(network: Network, pass: Pass): Promise<void> {
  for (const [name, expected] of Object.entries(pass.runningStatistics!)) {
    const layer = network.batchNorms.find(bn => bn.spec.name === name)
    expect(layer, name).toBeDefined()
    await expectRunning(layer!, expected, name)
  }
}

describe('resnet18-cifar at ratio 0.2 equals PyTorch', () => {
  test('masks, then train and eval mode: logits, input gradient, every score gradient, running statistics', async () => {
    const network = build('resnet18-cifar')
    for (const [l, layer] of network.convolutions.entries()) {
      const expected = fixture.layers[l]
      expect(layer.spec.name).toBe(expected.name)
      expect(layer.spec.weightShape).toEqual(expected.shape)
      expect(keepCount(layer.scores!.size, fixture.ratio)).toBe(expected.keep)
      const mask = await layer.mask!.data()
      let count = 0
      let indexSum = 0
      mask.forEach((bit, i) => {
        count += bit
        indexSum += bit * i
      })
      expect(count).toBe(expected.keep)
      expect(indexSum, `kept indices of ${expected.name}`).toBe(expected.keptIndexSum)
    }
    const passes = fixture.networks['resnet18-cifar']
    network.mode = 'train'
    await runPass(network, passes.train)
    await expectStatistics(network, passes.train)
    network.mode = 'eval'
    await runPass(network, passes.eval!)
    network.dispose()
  })
})

test('preact-resnet18 at ratio 0.2 equals PyTorch in train mode', async () => {
  const network = build('preact-resnet18')
  network.mode = 'train'
  await runPass(network, fixture.networks['preact-resnet18'].train)
  await expectStatistics(network, fixture.networks['preact-resnet18'].train)
  network.dispose()
})
