import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import { Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { metadata } from './example-ticket.ts'

const imageSize: [number, number] = [16, 16]
const shape = [3, ...imageSize] as const
const pixels = shape.reduce((product, d) => product * d, 1)
const classes = 10

/** `count` images of noise, in [0, 1). */
const noise = (count: number) =>
  Float32Array.from({ length: count * pixels }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 24)

function createTicket(arch: string, remainingRatio: number, device: Device): Ticket {
  const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.3] }
  const network = models.create(arch, {
    classes,
    inChannels: 3,
    imageSize,
    width: 0.25,
    ...normalisation,
    device,
  })
  network.drawWeights('signed-kaiming-constant', 1)
  network.drawScores('element', 2)
  network.updateMasks(remainingRatio)
  for (const layer of network.batchNorms) {
    const { channels } = layer.spec
    layer.setRunning(
      Float32Array.from({ length: channels }, (_, c) => (c % 5) / 10 - 0.2),
      Float32Array.from({ length: channels }, (_, c) => 0.5 + (c % 3) / 4),
    )
  }
  return new Ticket(network, { ...metadata, arch, remainingRatio, normalisation })
}

describe('one image', () => {
  it.each(['resnet18-cifar', 'preact-resnet18', 'wide-resnet-34-10', 'conv4', 'conv6', 'resnet18'])(
    'has the logits, to the bit, that it has in a batch: %s',
    async arch => {
      const device = new Device({ threads: 2 })
      for (const ratio of [0.05, 0.2, 1]) {
        using ticket = createTicket(arch, ratio, device)
        const batch = noise(32)
        const logits = async (first: number, count: number) => {
          const part = batch.slice(first * pixels, (first + count) * pixels)
          using x = tensor(part, [count, ...shape], { device })
          using y = ticket.logits(x)
          return [...(await y.data())]
        }
        const all = await logits(0, 32)
        expect(all.every(Number.isFinite)).toBe(true)
        expect(new Set(all).size).toBeGreaterThan(classes)
        for (const [first, count] of [
          [0, 1],
          [17, 1],
          [3, 5],
        ] as const) {
          expect(await logits(first, count)).toEqual(all.slice(first * classes, (first + count) * classes))
        }
      }
    },
  )

  it('is classified again and again in the same memory', async () => {
    const device = new Device({ threads: 2 })
    using ticket = createTicket('resnet18-cifar', 0.05, device)
    const image = noise(1)
    for (let i = 0; i < 3; i++) await ticket.predict(image)
    await device.synchronize()
    const before = device.memory()
    for (let i = 0; i < 200; i++) await ticket.predict(image)
    await device.synchronize()
    const after = device.memory()
    expect(after.inUse).toBe(before.inUse)
    // When a tensor is freed depends on the event loop, so a few more may have been alive at once; one lost in each
    // prediction would be three times as much.
    expect(after.cached).toBeLessThan(before.cached + 2 ** 20)
  })
})
