// Biases and affine parameters: absent from networks that are never trained, trained and stored where networks are.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TicketError } from '../../src/errors.ts'
import { decodeSafetensorsHeader } from '../../src/files/safetensors.ts'
import * as models from '../../src/models/index.ts'
import type { Network } from '../../src/nn/network.ts'
import { ticketAccounts } from '../../src/saved/accounting.ts'
import { type DenseModel, loadDense } from '../../src/saved/dense-model.ts'
import { fromData, loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { encodeTicket } from '../../src/saved/ticket-file.ts'
import { Device } from '../../src/tensor/device.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { trainDense } from '../../src/training/dense.ts'
import { finetune } from '../../src/training/finetune.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes({ size: 32, train: 48, test: 16 })
const device = new Device({ threads: 2 })
const recipe = {
  data,
  inner: null,
  epochs: 1,
  batchSize: 16,
  lr: 0.05,
  augment: false,
  selectOn: 'last',
} as const

let folder: string
const path = (name: string) => join(folder, `${name}.safetensors`)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-biases-'))
})
afterAll(() => rm(folder, { recursive: true }))

const pixels = Float32Array.from(data.test.images, v => v / 255)
async function logits(of: Ticket | DenseModel): Promise<number[]> {
  using x = tensor(pixels, [data.test.size, 1, 32, 32], { device: of.device })
  using y = of.logits(x)
  return [...(await y.data())]
}
const valuesOf = async ({ biasesAndAffine }: Network) =>
  Object.fromEntries(
    await Promise.all(biasesAndAffine.map(async ({ name, tensor: t }) => [name, [...(await t.data())]])),
  ) as Record<string, number[]>
const tensorsOf = async (file: string) => {
  const bytes = await readFile(file)
  const { length } = decodeSafetensorsHeader(bytes, file).metadata.format!
  expect(length).toBeGreaterThan(0)
  return JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()) as object
}

const archs = [
  { arch: 'lenet5', width: 0.5 },
  { arch: 'vgg16-bn-cifar', width: 0.06 },
]

describe.each(archs)('$arch:', ({ arch, width }) => {
  const names = () => {
    const { layers, batchNorms } = models.layersOf(arch, {
      ...{ classes: 4, inChannels: 1, imageSize: [32, 32] as const, width },
    })
    return [
      ...layers.flatMap(({ name, bias }) => (bias ? [`${name}.bias`] : [])),
      ...batchNorms.flatMap(({ name, affine }) => (affine ? [`${name}.gamma`, `${name}.beta`] : [])),
    ]
  }
  let dense: DenseModel
  let ticket: Ticket
  let tuned: Ticket
  beforeAll(async () => {
    dense = (await trainDense({ ...recipe, arch, width, device })).model
    ticket = (await searchRST({ ...recipe, arch, width, device, remainingRatio: 0.4 })).ticket
    tuned = (await finetune({ ...recipe, ticket })).ticket
  })
  afterAll(() => {
    for (const model of [dense, ticket, tuned]) model.dispose()
  })

  it('dense training moves all of them from 0, 1 and 0', async () => {
    const trained = await valuesOf(dense.network)
    expect(Object.keys(trained).sort()).toEqual(names().sort())
    for (const [name, values] of Object.entries(trained)) {
      const start = name.endsWith('.gamma') ? 1 : 0
      // A bias that a batch norm takes away again has no gradient beyond rounding.
      if (arch === 'lenet5' || !name.startsWith('conv'))
        expect(
          values.some(v => Math.abs(v - start) > 1e-6),
          name,
        ).toBe(true)
    }
  })

  it('a dense model file holds them, and gives the same logits', async () => {
    await dense.save(path(`${arch}-dense`))
    using loaded = await loadDense(path(`${arch}-dense`), { device })
    expect(await valuesOf(loaded.network)).toEqual(await valuesOf(dense.network))
    expect(await logits(loaded)).toEqual(await logits(dense))
    expect(await loaded.identity()).toMatchObject({ hash: (await dense.identity()).hash })
  })

  it('a searched ticket has none, in memory and in its file', async () => {
    expect(ticket.network.biasesAndAffine).toEqual([])
    await ticket.save(path(`${arch}-ticket`))
    const stored = Object.keys(await tensorsOf(path(`${arch}-ticket`)))
    expect(stored.filter(name => /\.(weight|bias|gamma|beta)$/.test(name))).toEqual([])
    using loaded = await loadTicket(path(`${arch}-ticket`), { device })
    expect(await logits(loaded)).toEqual(await logits(ticket))
  })

  it('a fine-tuned ticket has all of them, in memory, in its file and in its hash', async () => {
    const trained = await valuesOf(tuned.network)
    expect(Object.keys(trained).sort()).toEqual(names().sort())
    await tuned.save(path(`${arch}-tuned`))
    using loaded = await loadTicket(path(`${arch}-tuned`), { device })
    expect(await valuesOf(loaded.network)).toEqual(trained)
    expect(await logits(loaded)).toEqual(await logits(tuned))
    const values = await tuned.data()
    const [first] = values.biasesAndAffine!.keys()
    const changed = new Map(values.biasesAndAffine).set(
      first!,
      values.biasesAndAffine!.get(first!)!.map(v => v + 1),
    )
    using other = fromData({ ...values, biasesAndAffine: changed }, device)
    expect((await other.identity()).hash).not.toBe((await tuned.identity()).hash)
  })

  it('fine-tuning goes on from those of a fine-tuned ticket; new weights start without', async () => {
    const start = await valuesOf(tuned.network)
    const still = { ...recipe, ticket: tuned, lr: 1e-12, weightDecay: 0 }
    using further = (await finetune(still)).ticket
    using anew = (await finetune({ ...still, weights: 'reinit' })).ticket
    for (const [name, values] of Object.entries(await valuesOf(further.network))) {
      for (const [c, value] of values.entries()) expect(value).toBeCloseTo(start[name]![c]!, 5)
    }
    for (const [name, values] of Object.entries(await valuesOf(anew.network))) {
      for (const value of values) expect(value).toBeCloseTo(name.endsWith('.gamma') ? 1 : 0, 5)
    }
  })

  it('a search in a trained network keeps its own; a new classifier has none of it', async () => {
    const search = { ...recipe, arch, width, device, remainingRatio: 0.4, from: dense }
    using found = (await searchRST(search)).ticket
    const kept = await valuesOf(dense.network)
    expect(await valuesOf(found.network)).toEqual(kept)
    using fresh = (await searchRST({ ...search, reinitClassifier: true })).ticket
    const classifier = `${fresh.network.convolutions.at(-1)!.spec.name}.bias`
    const { [classifier]: bias, ...others } = await valuesOf(fresh.network)
    const { [classifier]: _, ...expected } = kept
    expect(others).toEqual(expected)
    expect(bias!.every(v => v === 0)).toBe(true)
  })

  it('accounts: they are bytes of fine-tuned tickets and dense checkpoints, not weights', async () => {
    await tuned.save(path(`${arch}-tuned`))
    await dense.save(path(`${arch}-dense`))
    const { tickets } = await ticketAccounts([path(`${arch}-tuned`)])
    const { parameters, bytes } = tickets[0]!
    const extra = Object.values(await valuesOf(tuned.network)).flat().length
    expect(parameters).toEqual(tuned.parameters)
    expect(bytes.weights).toBe(4 * (parameters.kept + extra))
    expect(bytes.denseCheckpoint).toBe(4 * (parameters.total + extra) + bytes.batchNorms)
  })

  it('a file that lacks one, has one too many, or a wrong one is refused by its name', async () => {
    const values = await tuned.data()
    const all = values.biasesAndAffine!
    const name = [...all.keys()].at(-1)!
    const refused = (change: [string, Float32Array | undefined], { weights } = values) => {
      const biasesAndAffine = new Map(all)
      if (change[1]) biasesAndAffine.set(change[0], change[1])
      else biasesAndAffine.delete(change[0])
      const ticketData = { ...values, weights, biasesAndAffine }
      try {
        encodeTicket(ticketData)
        fromData(ticketData, device).dispose()
      } catch (error) {
        expect(error).toBeInstanceOf(TicketError)
        return (error as TicketError).field
      }
      return undefined
    }
    const { length } = all.get(name)!
    expect(refused([name, all.get(name)!])).toBeUndefined()
    expect(refused([name, undefined])).toBe(name)
    expect(refused([name, new Float32Array(length + 1)])).toBe(name)
    expect(refused([name, new Float32Array(length).fill(Number.NaN)])).toBe(name)
    expect(refused(['nowhere.bias', new Float32Array(1)])).toBe('nowhere.bias')
    const [first] = all.keys()
    expect(refused([first!, all.get(first!)!], { ...values, weights: undefined })).toBe(first)
  })
})
