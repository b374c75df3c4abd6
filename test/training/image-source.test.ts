// An image's number in its data set keys all that is drawn for it (D11), whatever part of the data set it comes in.
import { expect, it } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import type { Split } from '../../src/data/dataset.ts'
import { holdOut, subset } from '../../src/data/subset.ts'
import * as models from '../../src/models/index.ts'
import { Device } from '../../src/tensor/device.ts'
import { ImageSource } from '../../src/training/image-source.ts'
import { networkOptions, resolveTraining } from '../../src/training/resolve.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const device = new Device({ threads: 1 })
const data = stripes({ train: 60, test: 16, channels: 2 })
const inner = fgsmRs({ eps: 0.1 })
const network = models.create('conv2', networkOptions(data, 0.1, device))
network.drawWeights('kaiming-normal', 1)
network.mode = 'eval'

/** What the given rows of the split are trained on: augmented, and under attack. */
async function trainedOn(images: Split, rows: number[]) {
  const training = await resolveTraining({ arch: 'conv2', data, inner, epochs: 1, seed: 5, device })
  const source = await ImageSource.open({ ...training, images })
  const batch = source.batch(rows, 3)
  using attacked = await inner.session().adversarial(network, batch)
  const found = {
    ids: [...(await batch.sampleIds.data())],
    labels: [...(await batch.labels.data())],
    augmented: await batch.images.data(),
    attacked: await attacked.data(),
  }
  batch.dispose()
  source.dispose()
  return found
}

it('an image is augmented and attacked alike in the whole data set, a subset, and a part of that', async () => {
  const limited = await subset(data.train, 30, 5)
  const { rest, heldOut } = await holdOut(limited, 6, 5)
  const again = await subset(rest, 12, 9)
  expect(again.ids).not.toEqual(Int32Array.from({ length: 12 }, (_, i) => i))
  for (const split of [limited, rest, heldOut, again]) {
    const rows = [4, 0, 5, 2]
    const numbers = rows.map(row => split.ids![row])
    const part = await trainedOn(split, rows)
    const whole = await trainedOn(data.train, numbers)
    expect(part).toEqual(whole)
    expect(part.ids).toEqual(numbers)
    expect(part.attacked).not.toEqual(part.augmented)
  }
  // Without this, equal draws for all images would pass.
  const [one, other] = [await trainedOn(limited, [1]), await trainedOn(heldOut, [1])]
  expect(one.augmented).not.toEqual(other.augmented)
})

it('what a search trains on and chooses by are numbered as in the data set', async () => {
  const { images, selection } = await resolveTraining({
    ...{ arch: 'conv2', data, inner, epochs: 2, selectEvery: 1, limit: 40, validationImages: 10, device },
  })
  const size = data.train.images.length / data.train.size
  for (const { ids, images: pixels, labels } of [images, selection!.images]) {
    for (const [row, id] of ids!.entries()) {
      expect(labels[row]).toBe(data.train.labels[id])
      const of = (all: Uint8Array, n: number) => all.subarray(n * size, (n + 1) * size)
      expect(of(pixels, row)).toEqual(of(data.train.images, id))
    }
  }
  expect(new Set([...images.ids!, ...selection!.images.ids!]).size).toBe(40)
})

it('the seed of the images decides which are trained on, held out and in what order; the other seed what is drawn', async () => {
  const resolve = (seed: number, dataSeed?: number) =>
    resolveTraining({ arch: 'conv2', data, inner, epochs: 9, limit: 30, seed, dataSeed, device })
  const idsOf = ({ images, selection }: Awaited<ReturnType<typeof resolve>>) => [
    [...images.ids!],
    [...selection!.images.ids!],
  ]
  const plain = await resolve(5)
  expect(plain.dataSeed).toBe(5)
  expect(idsOf(await resolve(6, 5))).toEqual(idsOf(plain))
  expect(idsOf(await resolve(5, 6))).not.toEqual(idsOf(plain))
  const trained = async (seed: number, dataSeed: number) => {
    const change = {
      epochs: 2,
      batchSize: 12,
      selectOn: 'last' as const,
      seed,
      dataSeed,
      weightSeed: 1,
      scoreSeed: 1,
    }
    const { ticket } = await searchRST({
      arch: 'conv2',
      width: 0.1,
      data,
      inner,
      remainingRatio: 0.3,
      device,
      ...change,
    })
    const { masks, runningMean } = await ticket.data()
    ticket.dispose()
    return { masks, runningMean }
  }
  const once = await trained(1, 1)
  expect(await trained(1, 1)).toEqual(once)
  expect(await trained(1, 2)).not.toEqual(once)
  expect(await trained(2, 1)).not.toEqual(once)
})
