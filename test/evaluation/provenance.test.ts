// Every number says what it is of: models by hash, images, attacks, seeds, version and device.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cwL2, fab, fgsm, pgd } from '../../src/attacks/index.ts'
import type { Split } from '../../src/data/dataset.ts'
import { datasets } from '../../src/data/datasets.ts'
import { firstImages, holdOut, subset } from '../../src/data/subset.ts'
import { type Evaluation, evaluate } from '../../src/evaluation/evaluate.ts'
import { summariseDistances, wilsonInterval } from '../../src/evaluation/statistics.ts'
import type { ModelIdentity } from '../../src/nn/classifier.ts'
import { arc, eot, random } from '../../src/r2s/adversaries.ts'
import { evaluateR2S } from '../../src/r2s/evaluate.ts'
import { R2S } from '../../src/r2s/r2s.ts'
import { transferMatrix } from '../../src/r2s/transfer.ts'
import { loadDense } from '../../src/saved/dense-model.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { trainDense } from '../../src/training/dense.ts'
import { version } from '../../src/version.ts'
import { linearClassifier } from '../attacks/linear-classifier.ts'
import { writeIdx } from '../data/synthetic.ts'
import { data, quickTicket } from '../r2s/small-tickets.ts'

const device = new Device({ threads: 2 })
const eps = 0.1
const test: Split = { ...data.test, name: 'stripes test' }
let tickets: Ticket[]
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-provenance-'))
  tickets = [
    await quickTicket(0.3, device, { scoreSeed: 1 }),
    await quickTicket(0.5, device, { scoreSeed: 2 }),
  ]
})
afterAll(async () => {
  for (const ticket of tickets) ticket.dispose()
  await rm(folder, { recursive: true })
})

describe('the hash of a model', () => {
  const hashOf = async (model: Ticket) => (await model.identity()).hash

  it('is that of what it answers by: not of notes, threads or place, but of mask, statistics and weights', async () => {
    const [one, other] = tickets
    const hash = await hashOf(one)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(await hashOf(other)).not.toBe(hash)
    using noted = await one.clone()
    noted.recordAccuracies({ natural: 0.5 })
    const path = join(folder, 'noted.safetensors')
    await noted.save(path)
    expect(await noted.identity()).toEqual({ ...(await one.identity()), file: path })
    using loaded = await loadTicket(path, { device: new Device({ threads: 1 }) })
    expect(await loaded.identity()).toEqual(await noted.identity())

    using moved = await one.clone()
    const [layer] = moved.network.batchNorms
    const mean = await layer.runningMean.data()
    mean[0] += 1
    layer.setRunning(mean, await layer.runningVar.data())
    expect(await hashOf(moved)).not.toBe(hash)
    using tuned = (await one.clone()).withMetadata(one.metadata, { trained: true })
    expect(await hashOf(tuned)).not.toBe(hash)
    using wide = (await one.clone()).withMetadata({
      ...one.metadata,
      normalisation: { mean: [0.1], std: [0.2] },
    })
    expect(await hashOf(wide)).not.toBe(hash)
  })

  it('of a dense model survives saving and loading, and says where it lies', async () => {
    const { model } = await trainDense({
      ...{ arch: 'conv2', width: 0.1, data, epochs: 1, batchSize: 64, inner: null, selectOn: 'last', device },
    })
    const path = join(folder, 'dense.safetensors')
    const before = await model.identity()
    expect(before).toMatchObject({ kind: 'dense model', arch: 'conv2', width: 0.1 })
    expect(before.file).toBeUndefined()
    await model.save(path)
    using loaded = await loadDense(path, { device })
    expect(await loaded.identity()).toEqual({ ...before, file: path })
    model.dispose()
  })
})

describe('an evaluation', () => {
  const attacks = [pgd({ eps, steps: 2 }), fgsm({ eps })]

  it('says what it is of', async () => {
    const { provenance } = await evaluate(tickets[0], test, { attacks, limit: 20, seed: 3, attackSeed: 5 })
    expect(provenance).toEqual({
      models: [await tickets[0].identity()],
      data: {
        name: 'stripes test',
        images: 20,
        of: 61,
        which: { subsetSeed: 3 },
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
      attacks: attacks.map(({ name, settings }) => ({ name, norm: 'linf', eps, settings, seed: 5 })),
      version,
      device: expect.stringMatching(/^CPU, [A-Z0-9_]+$/),
    })
    expect(JSON.parse(JSON.stringify(provenance))).toEqual(provenance)
  })

  it('names a user’s own model by its answers', async () => {
    const split = {
      images: Uint8Array.from({ length: 40 }, (_, i) => 6 * i),
      labels: new Int32Array(10),
      size: 10,
    }
    const of = async (bias: number) =>
      (await evaluate(linearClassifier([1, -2, 0.5, 0], bias), split)).provenance.models[0]
    expect(await of(0.25)).toEqual({ kind: 'classifier', answers: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(await of(0.25)).toEqual(await of(0.25))
    expect(await of(0.25)).not.toEqual(await of(0.5))
  })

  it('tells apart images, their order, labels and how they were chosen', async () => {
    const dataOf = async (split: Split, options = {}) =>
      (await evaluate(tickets[0], split, options)).provenance.data
    const whole = await dataOf(test)
    expect(whole).toMatchObject({ images: 61, which: 'all' })
    expect(await dataOf(data.test)).toEqual({ ...whole, name: null })
    const labels = new Int32Array(test.labels)
    labels[3] = (labels[3] + 1) % 4
    expect((await dataOf({ ...test, labels })).fingerprint).not.toBe(whole.fingerprint)
    const first = await dataOf(test, { first: 10 })
    expect(first).toMatchObject({ name: 'stripes test', images: 10, of: 61, which: { first: 10 } })
    expect(await dataOf(await firstImages(test, 10))).toEqual(first)
    expect(await dataOf(await subset(test, 10, 4))).toEqual(await dataOf(test, { limit: 10, dataSeed: 4 }))
    const { rest, heldOut } = await holdOut(test, 20, 6)
    expect(await dataOf(heldOut)).toMatchObject({ of: 61, which: { heldOutSeed: 6 } })
    expect(await dataOf(rest, { first: 5 })).toMatchObject({
      ...{ of: 41, which: { first: 5 }, within: { of: 61, which: { restSeed: 6 } } },
    })
    const { part, ...unknown } = heldOut
    expect((await dataOf(unknown)).which).toBe('part')
  })

  it('of a data set read from files has the name of set and split', async () => {
    await writeIdx(join(folder, 'idx'))
    const { train, test } = await datasets.open('fashion-mnist', join(folder, 'idx'))
    expect([train.name, test.name]).toEqual(['fashion-mnist train', 'fashion-mnist test'])
  })

  it('has Wilson intervals, and says of each image what the model predicts and how far it was moved', async () => {
    const report = await evaluate(tickets[0], test, { attacks, batchSize: 13 })
    const { naturalAccuracy, naturalInterval, predictions, labels, confidences, images } = report
    expect(naturalInterval).toEqual(wilsonInterval(Math.round(naturalAccuracy * images), images))
    expect(labels.filter((label, n) => label === predictions[n]).length / images).toBe(naturalAccuracy)
    for (const confidence of confidences) expect(confidence).toBeGreaterThanOrEqual(0.25)
    for (const { interval, robustAccuracy, brokenBy, perImage, largestNorm } of report.attacks) {
      expect(interval).toEqual(wilsonInterval(Math.round(robustAccuracy * images), images))
      expect(Math.max(...perImage.norms)).toBe(largestNorm)
      for (const [n, by] of brokenBy.entries()) {
        expect(perImage.predictions[n] === labels[n]).toBe(by === null)
        if (by !== 'clean') continue
        expect(perImage.predictions[n]).toBe(predictions[n])
        expect(perImage.confidences[n]).toBe(confidences[n])
        expect(perImage.norms[n]).toBe(0)
      }
    }
    const again = await evaluate(tickets[0], test, { attacks, batchSize: 61 })
    const untimed = ({ seconds, attacks, ...rest }: Evaluation) => ({
      ...rest,
      attacks: attacks.map(({ seconds, ...attack }) => attack),
    })
    expect(untimed(again)).toEqual(untimed(report))
  })

  it.each([
    fab({ eps: 0.02, steps: 10 }),
    cwL2({ eps: 0.5, iterations: 40, initialConst: 1, learningRate: 0.05, searchSteps: 3 }),
  ])(
    'by $name has the distances it found, with median and quantiles over the images it attacked',
    async attack => {
      const report = await evaluate(tickets[0], test, { attacks: [attack] })
      const [{ distances, perImage, brokenBy }] = report.attacks
      const attacked = [...brokenBy.keys()].filter(n => brokenBy[n] !== 'clean')
      expect(distances).toEqual(summariseDistances(attacked.map(n => perImage.distances![n])))
      expect(distances!.attacked).toBe(attacked.length)
      expect(distances!.found).toBeGreaterThan(0)
      for (const n of attacked) {
        if (brokenBy[n] !== null) expect(perImage.distances![n]).toBeLessThanOrEqual(attack.eps + 1e-6)
      }
      const [plain] = (await evaluate(tickets[0], test, { attacks: [fgsm({ eps })] })).attacks
      expect(plain.distances).toBeUndefined()
    },
  )
})

it('a ticket notes what its accuracies are of, and forgets it with the accuracy', async () => {
  using ticket = await tickets[0].clone()
  const { provenance, naturalInterval } = await evaluate(ticket, test)
  const natural = { interval: naturalInterval, data: provenance.data, device: provenance.device, version }
  ticket.recordAccuracies({ natural: 0.5 }, { natural })
  ticket.recordAccuracies({ robust: 0.25 })
  const path = join(folder, 'measured.safetensors')
  await ticket.save(path)
  using loaded = await loadTicket(path, { device })
  expect(loaded.metadata).toMatchObject({ accuracies: { natural: 0.5, robust: 0.25 }, measured: { natural } })
  ticket.recordAccuracies({ natural: 0.75 })
  expect(ticket.metadata.measured).toEqual({})
})

describe('seeds', () => {
  const attack = pgd({ eps, steps: 1 })
  const run = (options: object) => evaluate(tickets[0], test, { attacks: [attack], ...options })

  it('of images and of attacks are apart, and by default `seed`', async () => {
    const whole = await run({ limit: 15, seed: 2 })
    const same = await run({ limit: 15, dataSeed: 2, attackSeed: 2, seed: 9 })
    expect(same.ids).toEqual(whole.ids)
    expect(same.attacks[0].perImage).toEqual(whole.attacks[0].perImage)
    const otherAttack = await run({ limit: 15, seed: 2, attackSeed: 3 })
    expect(otherAttack.ids).toEqual(whole.ids)
    expect(otherAttack.attacks[0].perImage).not.toEqual(whole.attacks[0].perImage)
    const otherImages = await run({ limit: 15, seed: 2, dataSeed: 3 })
    expect(otherImages.ids).not.toEqual(whole.ids)
    expect(otherImages.provenance.attacks[0].seed).toBe(2)
    const first = await run({ first: 15 })
    expect([...first.ids]).toEqual(Array.from({ length: 15 }, (_, n) => n))
  })

  it('of a switch and of a matrix likewise', async () => {
    const options = { limit: 15, dataSeed: 2 }
    const matrixOf = (attackSeed: number) => transferMatrix(tickets, test, { attack, ...options, attackSeed })
    const [one, other] = [await matrixOf(1), await matrixOf(2)]
    expect(other.provenance.data).toEqual(one.provenance.data)
    expect(other.provenance.attacks[0].seed).toBe(2)
    const simulate = (attackSeed: number) =>
      evaluateR2S({ tickets }, test, { adversary: random(attack), ...options, simulate: 1, attackSeed })
    expect((await simulate(1)).provenance.data).toEqual(one.provenance.data)
    const found = new Set<number>()
    for (let seed = 0; seed < 6; seed++) found.add((await simulate(seed)).robustAccuracy)
    expect(found.size).toBeGreaterThan(1)
  })

  it.each([
    [{ first: 3, limit: 3 }, 'first', 'Both limit, a seeded subset, and first'],
    [{ dataSeed: 3 }, 'dataSeed', 'Expected limit beside dataSeed'],
    [{ first: 3, dataSeed: 3 }, 'dataSeed', 'leave dataSeed out'],
    [{ first: 62 }, 'first', 'from 1 to 61'],
    [{ first: 0 }, 'first', 'at least 1'],
    [{ attackSeed: -1 }, 'attackSeed', 'whole number'],
    [{ dataSeed: 1.5, limit: 3 }, 'dataSeed', 'whole number'],
  ])('that do not go together are refused: %j', async (options, option, message) => {
    const error = { name: 'ConfigError', option, message: expect.stringContaining(message) }
    await expect(run(options)).rejects.toThrow(expect.objectContaining(error))
    await expect(transferMatrix(tickets, test, { attack, ...options })).rejects.toThrow(
      expect.objectContaining(error),
    )
  })
})

describe('a switch', () => {
  it.each([random(pgd({ eps, steps: 2 })), eot({ eps, steps: 2 }), arc({ eps, steps: 2 })])(
    'says what it is of, and how far off each expectation may be: $name',
    async adversary => {
      const report = await evaluateR2S({ tickets }, test, { adversary, attackSeed: 4 })
      expect(report.provenance).toMatchObject({
        models: [await tickets[0].identity(), await tickets[1].identity()],
        data: { name: 'stripes test', images: 61, which: 'all' },
        attacks: [{ name: adversary.name, eps, norm: 'linf', seed: 4 }],
        version,
      })
      for (const key of ['naturalAccuracy', 'robustAccuracy', 'worstTicket', 'allTickets'] as const) {
        const { standardError, interval } = report.uncertainty[key]
        expect(interval[0]).toBeLessThanOrEqual(report[key])
        expect(interval[1]).toBeGreaterThanOrEqual(report[key])
        expect(standardError).toBeGreaterThanOrEqual(0)
      }
      expect(report.intervals).toEqual(
        report.matrix.map(row => row.map(share => wilsonInterval(Math.round(share * 61), 61))),
      )
    },
  )

  it('that answers at random is named by its tickets', async () => {
    const switchOf = async (given: Ticket[]) => {
      const copies = await Promise.all(given.map(ticket => ticket.clone()))
      using r2s = new R2S(copies, { seed: 0 })
      const [model] = (await evaluate(r2s, test)).provenance.models
      return model
    }
    const [one, other] = tickets
    const both = await switchOf([one, other])
    expect(both).toMatchObject({ kind: 'switch of 2 tickets', hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(await switchOf([one, other])).toEqual(both)
    expect(await switchOf([one])).not.toMatchObject({ hash: (both as ModelIdentity).hash })
  })

  it('of one ticket is as uncertain as its evaluation', async () => {
    const attack = pgd({ eps, steps: 2 })
    const report = await evaluateR2S({ tickets: [tickets[0]] }, test, { adversary: random(attack) })
    const single = await evaluate(tickets[0], test, { attacks: [attack] })
    expect(report.robustAccuracy).toBe(single.attacks[0].robustAccuracy)
    const [low, high] = single.attacks[0].interval
    expect(report.uncertainty.robustAccuracy.interval).toEqual([
      expect.closeTo(low, 12),
      expect.closeTo(high, 12),
    ])
    expect(report.bestTicket).toBeUndefined()
  })

  it('of tickets that share images of a matrix has the matrix’ intervals', async () => {
    const attack = pgd({ eps, steps: 2 })
    const matrix = await transferMatrix(tickets, test, { attack })
    const report = await evaluateR2S({ tickets }, test, { adversary: random(attack) })
    expect(matrix.intervals).toEqual(report.intervals)
    expect(matrix.meanInterval).toEqual(report.uncertainty.robustAccuracy.interval)
    expect(matrix.provenance).toEqual(report.provenance)
  })
})
