// What tickets take.
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import { ticketAccounts } from '../../src/saved/accounting.ts'
import { finetune } from '../../src/training/finetune.ts'
import { randomTicket } from '../../src/training/search.ts'
import { stripes } from '../training/synthetic-dataset.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-accounting-'))
})
afterAll(() => rm(folder, { recursive: true }))

const data = stripes({ train: 32, test: 8 })
const recipe = { data, inner: fgsmRs({ eps: 0.1 }), epochs: 1, batchSize: 16 }
const options = { arch: 'conv2', width: 0.25, ...recipe }
const path = (name: string) => join(folder, `${name}.safetensors`)

it('counts masks by the bit, batch norms by the float, and the file as it lies on disk', async () => {
  for (const ratio of [0.1, 0.5]) {
    await (await randomTicket({ ...options, remainingRatio: ratio })).save(path(`${ratio}`))
  }
  const { tickets, sharedNetwork, bytes } = await ticketAccounts([path('0.1'), path('0.5')])
  expect(sharedNetwork).toBe(true)
  const ticket = await randomTicket({ ...options, remainingRatio: 0.1 })
  const sizes = ticket.network.convolutions.map(layer => layer.weight.size)
  const channels = ticket.network.batchNorms.reduce((sum, layer) => sum + layer.spec.channels, 0)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  expect(tickets[0].parameters).toEqual(ticket.parameters)
  expect(tickets[0].bytes).toEqual({
    masks: sizes.reduce((sum, size) => sum + Math.ceil(size / 8), 0),
    batchNorms: 8 * channels,
    weights: 0,
    file: (await stat(path('0.1'))).size,
    denseCheckpoint: 4 * total + 8 * channels,
  })
  expect(bytes.denseCheckpoints).toBe(2 * (4 * total + 8 * channels))
})

it('counts the kept weights of a fine-tuned ticket, which shares nothing', async () => {
  const ticket = await randomTicket({ ...options, remainingRatio: 0.1 })
  const tuned = (await finetune({ ...recipe, ticket })).ticket
  await tuned.save(path('tuned'))
  const { tickets, sharedNetwork } = await ticketAccounts([path('tuned')])
  expect(tickets[0].bytes.weights).toBe(4 * ticket.parameters.kept)
  expect(sharedNetwork).toBe(false)
})

it('tells networks of other seeds apart', async () => {
  await (await randomTicket({ ...options, remainingRatio: 0.1 })).save(path('a'))
  await (await randomTicket({ ...options, remainingRatio: 0.1, weightSeed: 1 })).save(path('b'))
  expect((await ticketAccounts([path('a'), path('b')])).sharedNetwork).toBe(false)
})
