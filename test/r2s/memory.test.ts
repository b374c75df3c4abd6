// What a switch between tickets costs in memory.
import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import type { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { scope } from '../../src/tensor/scope.ts'

const ratios = [0.05, 0.1, 0.15, 0.2]

function network(ratio: number, seed: number, device: Device): Network {
  const made = models.create('resnet18-cifar', {
    classes: 10,
    inChannels: 3,
    imageSize: [32, 32],
    width: 0.5,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    device,
  })
  made.drawScores('element', seed)
  made.updateMasks(ratio)
  for (const layer of made.convolutions) layer.scores = null
  made.mode = 'eval'
  return made
}

async function answer(model: Network, images: number): Promise<Float32Array> {
  using y = scope(() => model.logits(ops.full([images, ...model.inputShape], 0.5, model.device)))
  return y.data()
}

async function inUse(device: Device): Promise<number> {
  await device.synchronize()
  return device.memory().inUse
}

describe('networks that share their weights under masks of their own', () => {
  it('cost the weights once, and each its mask, however often they answer', async () => {
    const device = new Device({ threads: 1 })
    const networks = ratios.map((ratio, k) => network(ratio, k, device))
    const [owner, ...others] = networks
    owner.drawWeights('signed-kaiming-constant', 7)
    for (const other of others) other.borrowWeights(owner)
    const weightBytes = 4 * owner.weightCount
    const before = await inUse(device)
    // Weights of 4 bytes once, masks of 1 byte for each; the rest is batch norms and rounding.
    expect(before).toBeLessThan((1 + ratios.length / 4) * weightBytes * 1.1)

    for (const images of [1, 16]) for (const each of networks) await answer(each, images)
    const growth = (await inUse(device)) - before
    // A dense masked copy for each would be ratios.length · weightBytes.
    expect(growth).toBeLessThan(0.05 * weightBytes)

    for (const each of networks.toReversed()) each.dispose()
    expect(await inUse(device)).toBe(0)
  })

  it('answer as networks that own their weights do', async () => {
    const device = new Device({ threads: 1 })
    const owner = network(0.1, 0, device)
    owner.drawWeights('signed-kaiming-constant', 7)
    const sharing = network(0.2, 1, device)
    sharing.borrowWeights(owner)
    const alone = network(0.2, 1, device)
    alone.drawWeights('signed-kaiming-constant', 7)
    for (const images of [1, 16]) expect(await answer(sharing, images)).toEqual(await answer(alone, images))
  })
})
