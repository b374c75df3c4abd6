// A small trained network and the images it is attacked on.
import { expect } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import { pgd } from '../../src/attacks/pgd.ts'
import { AbortError } from '../../src/errors.ts'
import type { Network } from '../../src/nn/network.ts'
import { Device } from '../../src/tensor/device.ts'
import { stripes } from '../training/synthetic-dataset.ts'
import { changed, imageSize, trainedNetwork } from './trained-network.ts'

export interface TrainedStripes {
  readonly device: Device
  readonly model: Network
  readonly count: number
  /** [count, 1, 8, 8], some pixels black or white. */
  readonly images: Float32Array
  /** Of four classes; number 5 is wrong. */
  readonly labels: readonly number[]
  /** 1 where the model is right on the images as they are. */
  readonly right: readonly number[]
}

export async function trainStripes(count: number): Promise<TrainedStripes> {
  const device = new Device({ threads: 1 })
  const data = stripes({ test: count })
  const images = Float32Array.from(data.test.images, (v, i) =>
    i % 61 === 0 ? 0 : i % 67 === 0 ? 1 : v / 255,
  )
  const labels = [...data.test.labels]
  labels[5] = (labels[5] + 1) % 4
  const network = await trainedNetwork(device)
  const { robust } = await pgd({ eps: 0, steps: 1 }).run(network, images, labels)
  return { device, model: network, count, images, labels, right: [...robust] }
}

export function imageOf(pixels: Float32Array, n: number): Float32Array {
  return pixels.subarray(n * imageSize, (n + 1) * imageSize)
}

/** The images in another order, with their numbers and labels. */
export function shuffled({ images, labels, count }: TrainedStripes) {
  const order = Array.from({ length: count }, (_, i) => (i * 10 + 3) % count)
  const pixels = new Float32Array(images.length)
  for (const [i, n] of order.entries()) pixels.set(imageOf(images, n), i * imageSize)
  return { order, pixels, theirLabels: order.map(n => labels[n]) }
}

/** That an attack stops with AbortError in the middle of a batch, and that no run of it leaves memory behind. */
export async function checkAbort(attack: Attack): Promise<void> {
  const { device, model, images, labels } = await trainStripes(11)
  await device.synchronize()
  const before = device.memory().inUse
  const controller = new AbortController()
  let passes = 0
  const stopping = changed(model, logits => {
    if (++passes === 5) controller.abort()
    return logits
  })
  await expect(attack.run(stopping, images, labels, { signal: controller.signal })).rejects.toThrow(
    AbortError,
  )
  expect(passes).toBe(5)
  await attack.run(model, images, labels)
  await device.synchronize()
  expect(device.memory().inUse).toBe(before)
}
