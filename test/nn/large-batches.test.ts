// However many images are classified at once, the event loop goes on, and the answers are those of small batches.
import { describe, expect, it } from 'vitest'
import type { Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { longest, watched } from '../tensor/main-thread.ts'
import { stripes } from '../training/synthetic-dataset.ts'

const cases = [
  { images: 4096, size: 32, arch: 'conv2' },
  { images: 64, size: 224, arch: 'resnet18' },
]

async function ticketOf({ size, arch }: (typeof cases)[number], device: Device): Promise<Ticket> {
  const data = stripes({ channels: 3, size, train: 4, test: 4 })
  return quickTicket(0.2, device, { arch, width: 0.05, data, batchSize: 4 })
}

describe.each(cases)('$images images of $size²', ({ images, size, arch }) => {
  const imageSize = 3 * size * size
  const pixels = Float32Array.from({ length: images * imageSize }, (_, i) => ((i * 37) % 251) / 250)

  it('hold up the event loop for less than 10 ms, and are classified as a few at a time', {
    retry: 2,
  }, async () => {
    using device = new Device({ threads: 2 })
    using ticket = await ticketOf({ images, size, arch }, device)
    const [{ labels, probabilities }, turns] = await watched(() => ticket.predictBatch(pixels))
    expect(turns.length).toBeGreaterThan(40)
    expect(longest(turns)).toBeLessThan(10)
    const { numClasses } = ticket
    for (let from = 0; from < images; from += images / 16) {
      const some = await ticket.predictBatch(pixels.slice(from * imageSize, (from + 1) * imageSize))
      expect(some.labels[0]).toBe(labels[from])
      expect(some.probabilities).toEqual(probabilities.slice(from * numClasses, (from + 1) * numClasses))
    }
  })

  it('are clipped by rounding, and refused beyond it, wherever the pixel is', async () => {
    using device = new Device({ threads: 2 })
    using ticket = await ticketOf({ images, size, arch }, device)
    const last = pixels.length - 1
    const changed = Float32Array.from(pixels)
    changed[last] = 1
    const inside = await ticket.predictBatch(changed)
    changed[last] = 1 + 2 ** -21
    expect(await ticket.predictBatch(changed)).toEqual(inside)
    expect(changed[last]).toBe(1 + 2 ** -21)
    changed[last] = 1.01
    await expect(ticket.predictBatch(changed)).rejects.toThrow(`image ${images - 1} of pixels holds 1.0`)
    await expect(ticket.predictBatch(pixels.subarray(1))).rejects.toThrow(`received ${last} values`)
  })
})
