// The sparse and the dense kernels compute the same search but for rounding.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsmRs, pgd } from '../../src/attacks/index.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const testImages = 512
const data = stripes({ train: 256, test: testImages })
const engines = { sparse: new Device({ threads: 2 }), dense: new Device({ threads: 2, sparse: 'never' }) }

/** Few enough weights for every layer to be sparse, where the device allows it. */
const search = (device: Device) =>
  searchRST({
    arch: 'conv2',
    width: 0.25,
    data,
    remainingRatio: 0.2,
    inner: fgsmRs({ eps: 0.1 }),
    epochs: 8,
    batchSize: 32,
    lr: 1,
    augment: false,
    selectOn: 'last',
    seed: 7,
    device,
  })

let folder: string
let tickets: { sparse: Ticket; dense: Ticket }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-engines-'))
  const [sparse, dense] = [await search(engines.sparse), await search(engines.dense)]
  tickets = { sparse: sparse.ticket, dense: dense.ticket }
})
afterAll(async () => {
  tickets.sparse.dispose()
  tickets.dense.dispose()
  await rm(folder, { recursive: true })
})

describe('sparse and dense kernels', () => {
  it('find tickets of the same accuracy', async () => {
    const attacks = [pgd({ eps: 0.1, steps: 10 })]
    const found = await evaluate(tickets.sparse, data.test, { attacks })
    const expected = await evaluate(tickets.dense, data.test, { attacks })
    // Rounding flips signs of gradients that are nearly 0, and with time some scores: the two tickets differ as two
    // samples do. Four standard errors of the difference of two shares p of as many images:
    const tolerance = (p: number) => 4 * Math.sqrt((2 * p * (1 - p)) / testImages)
    const pairs = [
      [found.naturalAccuracy, expected.naturalAccuracy],
      [found.attacks[0].robustAccuracy, expected.attacks[0].robustAccuracy],
    ]
    for (const [sparse, dense] of pairs) {
      expect(dense).toBeGreaterThan(0.5)
      expect(Math.abs(sparse - dense)).toBeLessThanOrEqual(tolerance(Math.min(dense, 0.95)))
    }
  })

  it('give the logits of one ticket within rounding, but not in the same bits', async () => {
    const file = join(folder, 'ticket.safetensors')
    await tickets.sparse.save(file)
    const pixels = Float32Array.from(data.test.images, v => v / 255)
    const logits = async (device: Device) => {
      using ticket = await loadTicket(file, { device })
      using x = tensor(pixels, [testImages, 1, 8, 8], { device })
      using y = ticket.logits(x)
      return y.data()
    }
    const sparse = await logits(engines.sparse)
    const dense = await logits(engines.dense)
    const largest = dense.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const distance = dense.reduce((most, value, i) => Math.max(most, Math.abs(value - sparse[i])), 0)
    expect(distance / largest).toBeLessThan(1e-4)
    expect(distance).toBeGreaterThan(0)
  })
})
