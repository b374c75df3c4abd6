// Tickets of one small random network, and linear stand-ins whose answers are known on paper.
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Ticket } from '../../src/saved/ticket.ts'
import type { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import type { SearchOptions } from '../../src/training/options.ts'
import { randomTicket, searchRST } from '../../src/training/search.ts'
import { stripes } from '../training/synthetic-dataset.ts'

export const data = stripes({ train: 256, test: 61 })

function options(remainingRatio: number, device: Device, change: Partial<SearchOptions>): SearchOptions {
  const small = { arch: 'conv2', width: 0.15, data, batchSize: 32, lr: 0.1, augment: false, seed: 7 }
  return { ...small, remainingRatio, inner: null, epochs: 10, selectOn: 'last', device, ...change }
}

export async function searchedTicket(
  remainingRatio: number,
  device: Device,
  change: Partial<SearchOptions> = {},
): Promise<Ticket> {
  return (await searchRST(options(remainingRatio, device, change))).ticket
}

/** A ticket that was not searched: quick to make. */
export function quickTicket(
  remainingRatio: number,
  device: Device,
  change: Partial<SearchOptions> = {},
): Promise<Ticket> {
  return randomTicket(options(remainingRatio, device, { epochs: 1, ...change }))
}

/** Logits weight·x + bias of images [1, 1, D]; weight [classes][D]. */
export function linearTicket(weight: readonly (readonly number[])[], bias: readonly number[]): Classifier {
  const size = weight[0].length
  const w = tensor(weight.flat(), [weight.length, size])
  const b = tensor(bias, [weight.length])
  return { numClasses: weight.length, inputShape: [1, 1, size], logits: x => ops.linear(x, w, b) }
}
