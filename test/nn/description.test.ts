import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import { describedOps } from '../../src/nn/description.ts'
import type { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import { assign } from '../../src/tensor/ops/optim.ts'
import { scope } from '../../src/tensor/scope.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { execute } from './execute-description.ts'

const device = new Device({ threads: 2 })
const imageSize = [32, 32] as const
const images = tensor(
  Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, i) => ((i * 7919) % 255) / 255),
  [2, 3, ...imageSize],
  { device },
)

function create(arch: string): Network {
  const network = models.create(arch, {
    ...{ classes: 7, inChannels: 3, imageSize, width: 0.06, device },
    ...{ mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.3] },
  })
  network.drawWeights('kaiming-normal', 1)
  network.drawScores('element', 2)
  network.updateMasks(0.5)
  return network
}

/** As training would have changed them. */
function changeParameters(network: Network): void {
  network.addBiasesAndAffine()
  for (const [i, { tensor: t }] of network.biasesAndAffine.entries()) {
    const values = Float32Array.from({ length: t.size }, (_, j) => 0.6 + ((i * 5 + j * 3) % 7) / 10)
    scope(() => assign(t, tensor(values, t.shape, { device })))
  }
}

describe('the description of every architecture, executed with plain ops, gives the network’s bits:', () => {
  it.each(models.names)('%s', async arch => {
    const network = create(arch)
    for (const trained of [false, true]) {
      if (trained) changeParameters(network)
      for (const mode of ['train', 'eval'] as const) {
        network.mode = mode
        using expected = network.logits(images)
        using actual = scope(() => execute(network, images, mode).get('logits')!)
        expect([...(await actual.data())], `${mode}, trained ${trained}`).toEqual([
          ...(await expected.data()),
        ])
      }
    }
    network.dispose()
  })
})

it.each(models.names)(
  'what is described of %s is there: names once, inputs before, shapes as computed',
  arch => {
    const network = create(arch)
    changeParameters(network)
    for (const mode of ['train', 'eval'] as const) {
      network.mode = mode
      const calls = network.describe()
      const tensors = network.tensors()
      const known = new Set(['images'])
      const taken = new Set<string>()
      for (const { name, op, inputs, parameters } of calls) {
        expect(describedOps).toContain(op)
        for (const input of inputs) expect(known, `input of ${name}`).toContain(input)
        expect(known).not.toContain(name)
        known.add(name)
        for (const parameter of Object.values(parameters)) taken.add(parameter)
      }
      expect([...taken].sort()).toEqual([...tensors.keys()].sort())
      scope(() => {
        const results = execute(network, images, mode)
        for (const { name, shape } of calls) expect(results.get(name)!.shape, name).toEqual([2, ...shape])
      })
      expect(calls.at(-1)).toMatchObject({ name: 'logits', shape: [7] })
      expect(JSON.parse(JSON.stringify(calls))).toEqual(calls)
    }
    network.dispose()
  },
)

it('in eval mode a convolution and its batch norm are one op, in train mode two', () => {
  const network = create('conv2')
  const first = () => network.describe().slice(1, 3)
  network.mode = 'train'
  expect(first()).toEqual([
    {
      ...{ name: 'conv1', op: 'conv2d', inputs: ['normalize.1'], shape: [4, 32, 32] },
      ...{ attributes: { stride: 1, padding: 1, groups: 1 }, parameters: { weight: 'conv1.weight' } },
    },
    {
      ...{ name: 'bn1', op: 'batchNorm', inputs: ['conv1'], shape: [4, 32, 32], attributes: { relu: true } },
      parameters: { runningMean: 'bn1.running_mean', runningVar: 'bn1.running_var' },
    },
  ])
  network.mode = 'eval'
  expect(first()[0]).toEqual({
    ...{ name: 'bn1', op: 'convBatchNorm', inputs: ['normalize.1'], shape: [4, 32, 32] },
    attributes: { stride: 1, padding: 1, groups: 1, relu: true },
    parameters: {
      weight: 'conv1.weight',
      runningMean: 'bn1.running_mean',
      runningVar: 'bn1.running_var',
    },
  })
  network.dispose()
})

it('a convolution and a batch norm of two blocks stay two ops', () => {
  const network = create('wide-resnet-34-10')
  network.mode = 'eval'
  expect(
    network
      .describe()
      .slice(1, 4)
      .map(({ name, op }) => [name, op]),
  ).toEqual([
    ['conv1', 'conv2d'],
    ['layer1.0.bn1', 'batchNorm'],
    ['layer1.0.bn2', 'convBatchNorm'],
  ])
  network.dispose()
})
