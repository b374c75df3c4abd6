// Whole networks against values that PyTorch computed in double precision from the same weights, scores and images
// (test/fixtures/make-resnet18.py).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Device, grad, models, ops, type Tensor, tensor } from '../../src/index.ts'
import type { Network } from '../../src/nn/network.ts'
import { keepCount } from '../../src/nn/pattern.ts'

interface Sampled {
  size: number
  norm: number
  max: number
  values: number[]
}
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

/** A 32-bit mix of index and stream, as the fixture's script. */
function hash(i: number, stream: number): number {
  let x = (i + Math.imul(stream, 0x9e3779b9)) | 0
  x ^= x >>> 16
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
const unit = (i: number, stream: number) => (hash(i, stream) >>> 8) * 2 ** -24

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
    const size = shape.reduce((n, d) => n * d, 1)
    const fanIn = size / shape[0]
    const constant = Math.fround(Math.sqrt(2 / fanIn))
    const bound = Math.fround(1 / Math.sqrt(fanIn))
    const weights = Float32Array.from({ length: size }, (_, i) =>
      hash(i, 2 * l) < 2 ** 31 ? constant : -constant,
    )
    const scores = Float32Array.from({ length: size }, (_, i) => (2 * unit(i, 2 * l + 1) - 1) * bound)
    expect([...weights.subarray(0, 4)]).toEqual(fixture.layers[l].firstWeights.map(Math.fround))
    expect([...scores.subarray(0, 4)]).toEqual(fixture.layers[l].firstScores.map(Math.fround))
    layer.weight = tensor(weights, shape)
    layer.scores = tensor(scores, shape)
  })
  network.updateMasks(fixture.ratio)
  return network
}

async function expectSampled(actual: Tensor, expected: Sampled, what: string): Promise<void> {
  const values = await actual.data()
  expect(values.length, what).toBe(expected.size)
  const norm = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
  expect(Math.abs(norm / expected.norm - 1), `${what}: norm`).toBeLessThan(1e-4)
  expected.values.forEach((value, j) => {
    const index = Math.floor((j * expected.size) / fixture.samples)
    // Relative to the tensor's largest value: single entries may be sums that cancel.
    expect(Math.abs(values[index] - value) / expected.max, `${what}[${index}]`).toBeLessThan(1e-4)
  })
}

async function runPass(network: Network, pass: Pass): Promise<void> {
  const { inputShape } = fixture
  const size = inputShape.reduce((n, d) => n * d, 1)
  const x = tensor(
    Float32Array.from({ length: size }, (_, i) => unit(i, pass.inputStream)),
    inputShape,
  )
  const labels = tensor(fixture.labels, [inputShape[0]], { dtype: 'i32' })
  const layers = network.convolutions
  const { value, gradients } = grad(() => {
    const logits = network.logits(x)
    return { loss: ops.mean(ops.crossEntropy(logits, labels)), logits }
  }, [x, ...layers.map(layer => layer.scores!)])

  expect((await value.loss.data())[0]).toBeCloseTo(pass.loss, 4)
  const logits = await value.logits.data()
  const largest = Math.max(...pass.logits.flat().map(Math.abs))
  pass.logits.flat().forEach((expected, i) => {
    expect(Math.abs(logits[i] - expected) / largest, `logit ${i}`).toBeLessThan(1e-4)
  })
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

async function expectRunning(network: Network, pass: Pass): Promise<void> {
  for (const [name, expected] of Object.entries(pass.runningStatistics!)) {
    const layer = network.batchNorms.find(bn => bn.spec.name === name)
    expect(layer, name).toBeDefined()
    const [mean, variance] = [await layer!.runningMean.data(), await layer!.runningVar.data()]
    expected.mean.forEach((m, c) => {
      expect(mean[c], `${name} mean ${c}`).toBeCloseTo(m, 5)
    })
    expected.var.forEach((v, c) => {
      expect(Math.abs(variance[c] / v - 1), `${name} var ${c}`).toBeLessThan(1e-4)
    })
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
    await expectRunning(network, passes.train)
    network.mode = 'eval'
    await runPass(network, passes.eval!)
    network.dispose()
  })
})

test('preact-resnet18 at ratio 0.2 equals PyTorch in train mode', async () => {
  const network = build('preact-resnet18')
  network.mode = 'train'
  await runPass(network, fixture.networks['preact-resnet18'].train)
  await expectRunning(network, fixture.networks['preact-resnet18'].train)
  network.dispose()
})
