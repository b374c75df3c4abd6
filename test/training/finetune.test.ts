import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import { ConfigError } from '../../src/errors.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { finetune } from '../../src/training/finetune.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes()
const device = new Device({ threads: 2 })
const inner = fgsmRs({ eps: 0.05 })
const recipe = { data, inner, epochs: 2, batchSize: 32, lr: 0.05, augment: false }

let folder: string
let ticket: Ticket
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-finetune-'))
  const search = { ...recipe, arch: 'conv2', width: 0.1, remainingRatio: 0.3, device, lr: 0.5 }
  ticket = (await searchRST(search)).ticket
})
afterAll(async () => {
  ticket.dispose()
  await rm(folder, { recursive: true })
})

const pixels = Float32Array.from(data.test.images, v => v / 255)
async function logits(of: Ticket): Promise<Float32Array> {
  using x = tensor(pixels, [data.test.size, 1, 8, 8], { device: of.device })
  using y = of.logits(x)
  return y.data()
}
const arrays = async (of: Ticket) =>
  Promise.all(
    of.network.convolutions.map(async ({ weight, mask }) => ({
      weight: await weight.data(),
      mask: await mask!.data(),
    })),
  )

describe.each(['inherit', 'reinit'] as const)('finetune from weights: %s', weights => {
  it('trains the kept weights under the same mask and leaves the given ticket as it was', async () => {
    const before = { logits: await logits(ticket), arrays: await arrays(ticket) }
    const { ticket: tuned, history } = await finetune({ ...recipe, ticket, weights, epochs: 6 })
    expect(history.at(-1)!.loss).toBeLessThan(history[0].loss)
    expect({ logits: await logits(ticket), arrays: await arrays(ticket) }).toEqual(before)
    expect(await logits(tuned)).not.toEqual(before.logits)
    const after = await arrays(tuned)
    for (const [i, { mask, weight }] of after.entries()) {
      expect(mask).toEqual(before.arrays[i].mask)
      const kept = weight.filter((_, j) => mask[j] === 1)
      expect(kept).not.toEqual(before.arrays[i].weight.filter((_, j) => mask[j] === 1))
      // Inherited weights are ±c, and training moves them a little; new ones are normal.
      const scale = Math.abs(before.arrays[i].weight[0])
      const near = kept.filter(w => Math.abs(Math.abs(w) / scale - 1) < 0.25).length / kept.length
      if (weights === 'inherit') expect(near).toBeGreaterThan(0.6)
      else expect(near).toBeLessThan(0.6)
    }
    tuned.dispose()
  })

  it('gives a ticket that is saved and loaded with its weights, and in which dropped weights count for nothing', async () => {
    const { ticket: tuned } = await finetune({ ...recipe, ticket, weights })
    const file = join(folder, `${weights}.safetensors`)
    await tuned.save(file)
    const expected = await logits(tuned)
    using loaded = await loadTicket(file, { device })
    expect(loaded.trained).toBe(true)
    expect(loaded.metadata.recipe).toMatchObject({ search: 'finetune', weights })
    for (const { weight, mask } of await arrays(loaded)) {
      expect(weight.every((w, j) => mask[j] === 1 || w === 0)).toBe(true)
    }
    expect(await logits(loaded)).toEqual(expected)
    using clone = await tuned.clone()
    expect(await logits(clone)).toEqual(expected)
    tuned.dispose()
  })
})

it('finetune starts from the ticket itself: without a learning rate nothing but the statistics moves', async () => {
  const { ticket: tuned } = await finetune({ ...recipe, ticket, lr: 0 })
  const [before, after] = [await arrays(ticket), await arrays(tuned)]
  expect(after).toEqual(before)
  tuned.dispose()
})

it('finetune again goes on from the weights of a fine-tuned ticket', async () => {
  const { ticket: once } = await finetune({ ...recipe, ticket })
  const { ticket: twice } = await finetune({ ...recipe, ticket: once, lr: 0 })
  const kept = async (of: Ticket) =>
    (await arrays(of)).map(({ weight, mask }) => weight.filter((_, j) => mask[j] === 1))
  expect(await kept(twice)).toEqual(await kept(once))
  once.dispose()
  twice.dispose()
})

it('finetune refuses images or classes of another kind, and unknown starts', async () => {
  const run = finetune({ ...recipe, ticket, data: stripes({ channels: 3 }) })
  await expect(run).rejects.toThrow(ConfigError)
  await expect(run).rejects.toThrow(/\[1, 8, 8, 4\].*\[3, 8, 8, 4\]/)
  await expect(finetune({ ...recipe, ticket, data: stripes({ classes: 5 }) })).rejects.toThrow(
    expect.objectContaining({ option: 'data' }),
  )
  await expect(finetune({ ...recipe, ticket, weights: 'random' as 'reinit' })).rejects.toThrow(
    expect.objectContaining({ option: 'weights' }),
  )
})
