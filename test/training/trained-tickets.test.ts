// Robust tickets of trained networks (RTT).
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import { ConfigError, TicketError } from '../../src/errors.ts'
import { type DenseModel, loadDense } from '../../src/saved/dense-model.ts'
import { loadTicket } from '../../src/saved/ticket.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { trainDense } from '../../src/training/dense.ts'
import type { SearchOptions } from '../../src/training/options.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes({ train: 64, test: 16 })
const network = { arch: 'conv2', width: 0.1, data, batchSize: 32, augment: false }
let folder: string
let dense: DenseModel

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-rtt-'))
  dense = (await trainDense({ ...network, inner: null, epochs: 3, lr: 0.1 })).model
})
afterAll(() => rm(folder, { recursive: true }))

const searchIn = (from: DenseModel, options: Partial<SearchOptions> = {}) =>
  searchRST({ ...network, from, remainingRatio: 0.5, inner: fgsmRs({ eps: 0.05 }), epochs: 1, ...options })

const values = async (t: Tensor) => [...(await t.data())]

describe('a dense model', () => {
  it('comes back from its file with the same logits', async () => {
    const file = join(folder, 'dense.safetensors')
    await dense.save(file)
    const again = await loadDense(file)
    const x = ops.full([3, 1, 8, 8], 0.5)
    expect(await values(again.logits(x))).toEqual(await values(dense.logits(x)))
    expect(again.metadata).toEqual(dense.metadata)
  })

  it('is refused where the file is another one', async () => {
    const file = join(folder, 'other.safetensors')
    await expect(loadDense(join(folder, 'none'))).rejects.toThrow(
      /Give the path of a model that rst train saved/,
    )
    await writeFile(file, 'no safetensors')
    await expect(loadDense(file)).rejects.toThrow(TicketError)
    const { ticket } = await searchIn(dense)
    await ticket.save(file)
    await expect(loadDense(file)).rejects.toThrow(/'rst-dense\/1'.*for format but found rst-ticket\/1/)
  })
})

describe('a ticket of a trained network', () => {
  it('keeps the trained weights as they are, also in its file', async () => {
    const { ticket } = await searchIn(dense)
    expect(ticket.metadata.recipe).toMatchObject({ search: 'rtt', from: { arch: 'conv2' } })
    for (const [i, layer] of ticket.network.convolutions.entries()) {
      expect(await layer.weight.data()).toEqual(await dense.network.convolutions[i].weight.data())
    }
    const file = join(folder, 'rtt.safetensors')
    await ticket.save(file)
    const again = await loadTicket(file)
    const x = ops.full([3, 1, 8, 8], 0.5)
    expect(await values(again.logits(x))).toEqual(await values(ticket.logits(x)))
  })

  it('can have a classifier drawn anew, for other classes', async () => {
    const { ticket } = await searchIn(dense, { reinitClassifier: true })
    const weights = await Promise.all(ticket.network.convolutions.map(layer => layer.weight.data()))
    const trained = await Promise.all(dense.network.convolutions.map(layer => layer.weight.data()))
    expect(weights.slice(0, -1)).toEqual(trained.slice(0, -1))
    expect(weights.at(-1)).not.toEqual(trained.at(-1))
  })

  it('is refused for a model of another architecture, and a new classifier without a model', async () => {
    await expect(searchIn(dense, { arch: 'conv4' })).rejects.toThrow(
      /Expected a trained conv4 of width 0.1 .* in from but received conv2/,
    )
    await expect(searchIn(dense, { from: undefined, reinitClassifier: true })).rejects.toThrow(ConfigError)
  })

  it('resumes only with the same trained weights', async () => {
    const runDir = join(folder, 'run')
    await searchIn(dense, { runDir })
    const other = (await trainDense({ ...network, inner: null, epochs: 1, seed: 9 })).model
    await expect(searchIn(other, { runDir, resume: true })).rejects.toThrow(ConfigError)
  })
})
