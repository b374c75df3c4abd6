// Networks with biases, groups, affine batch norm, linear layers and average pools against values that PyTorch computed in
// double precision from its own layers (test/fixtures/make-architectures.py).
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import type { Architecture } from '../../src/nn/graph.ts'
import { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { assign } from '../../src/tensor/ops/optim.ts'
import { scope } from '../../src/tensor/scope.ts'
import { grad } from '../../src/tensor/tape.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import {
  expectLogits,
  expectRunning,
  expectSampled,
  imagesOf,
  type Sampled,
  unit,
  weightsAndScores,
} from './pytorch-values.ts'

interface Pass {
  inputStream: number
  loss: number
  logits: number[][]
  inputGradient: Sampled
  /** Of '<layer>.scores', '<layer>.bias', '<norm>.gamma' and '<norm>.beta'. */
  gradients: Record<string, Sampled>
  running?: Record<string, { mean: number[]; var: number[] }>
}
interface ReferenceNetwork {
  inChannels: number
  side: number
  width: number
  classes: number
  layers: Record<string, { shape: number[]; keptIndexSum: number }>
  train: Pass
  eval: Pass
}
interface Fixture {
  ratio: number
  batch: number
  mean: number[]
  std: number[]
  networks: Record<string, ReferenceNetwork>
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../fixtures/architectures.json', import.meta.url), 'utf8'),
)

/** What the architectures leave out, as the fixture's script has it. */
const mixed: Architecture = (build, images) => {
  const first = build.conv('conv1', images, 6, 3, { padding: 1, groups: 3, bias: true })
  let x = build.relu(build.batchNorm('bn1', first, { affine: true }))
  x = build.conv('conv2', x, 8, 3, { stride: 2, padding: 1, groups: 2 })
  x = build.relu(build.batchNorm('bn2', x, { affine: true }))
  x = build.relu(build.conv('conv3', x, 8, 5, { padding: 2, groups: 8, bias: true }))
  return build.linear('linear', build.avgPool(x, 3, { stride: 2, padding: 1 }), build.classes)
}

function create(name: string): Network {
  const { inChannels, side, width, classes } = fixture.networks[name]
  const options = {
    ...{ inChannels, imageSize: [side, side] as const, width, classes, device: Device.default },
    ...{ mean: fixture.mean.slice(0, inChannels), std: fixture.std.slice(0, inChannels) },
  }
  const network = name === 'mixed' ? new Network(mixed, options) : models.create(name, options)
  network.convolutions.forEach((layer, l) => {
    const shape = layer.spec.weightShape
    const { weights, scores } = weightsAndScores(l, shape)
    layer.weight = tensor(weights, shape)
    layer.scores = tensor(scores, shape)
  })
  network.updateMasks(fixture.ratio)
  network.addBiasesAndAffine()
  network.biasesAndAffine.forEach(({ name: parameter, tensor: t }, j) => {
    const values = Float32Array.from({ length: t.size }, (_, i) => {
      const u = unit(i, 5000 + j)
      return parameter.endsWith('gamma') ? 0.5 + u : (2 * u - 1) * 0.25
    })
    scope(() => assign(t, tensor(values, t.shape)))
  })
  return network
}

async function runPass(network: Network, pass: Pass): Promise<void> {
  const { batch } = fixture
  const x = imagesOf([batch, ...network.inputShape], pass.inputStream)
  const labels = tensor(
    Array.from({ length: batch }, (_, n) => (3 * n) % network.numClasses),
    [batch],
    { dtype: 'i32' },
  )
  const parameters = [
    ...network.convolutions.map(({ spec, scores }) => ({ name: `${spec.name}.scores`, tensor: scores! })),
    ...network.biasesAndAffine,
  ]
  const { value, gradients } = grad(() => {
    const logits = network.logits(x)
    return { loss: ops.mean(ops.crossEntropy(logits, labels)), logits }
  }, [x, ...parameters.map(parameter => parameter.tensor)])
  expect((await value.loss.data())[0]).toBeCloseTo(pass.loss, 4)
  await expectLogits(value.logits, pass.logits)
  await expectSampled(gradients[0], pass.inputGradient, 'input gradient')
  const names = parameters.map(({ name }) => name)
  for (const [name, expected] of Object.entries(pass.gradients)) {
    await expectSampled(gradients[1 + names.indexOf(name)], expected, `gradient of ${name}`)
  }
  for (const t of [x, labels, value.loss, value.logits, ...gradients]) t.dispose()
}

describe('logits, every gradient, and the statistics after a pass in train mode equal PyTorch’s:', () => {
  it.each(Object.keys(fixture.networks))('%s, in train and in eval mode', async name => {
    const expected = fixture.networks[name]
    const network = create(name)
    expect(network.convolutions.map(({ spec }) => spec.name)).toEqual(Object.keys(expected.layers))
    for (const { spec, mask } of network.convolutions) {
      const { shape, keptIndexSum } = expected.layers[spec.name]
      expect(spec.weightShape.slice(0, shape.length)).toEqual(shape)
      expect((await mask!.data()).reduce((sum, bit, i) => sum + bit * i, 0)).toBe(keptIndexSum)
    }
    network.mode = 'train'
    await runPass(network, expected.train)
    for (const [norm, statistics] of Object.entries(expected.train.running ?? {})) {
      await expectRunning(network.batchNorms.find(({ spec }) => spec.name === norm)!, statistics, norm)
    }
    network.mode = 'eval'
    await runPass(network, expected.eval)
    network.dispose()
  })
})
