// Every function that evaluates, loads or answers, with every kind of wrong input: a typed error that names it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { free, pgd } from '../../src/attacks/index.ts'
import type { Split } from '../../src/data/dataset.ts'
import { RstError } from '../../src/errors.ts'
import { evaluate, evaluateRows } from '../../src/evaluation/evaluate.ts'
import { featureDistance, featureDistanceRows } from '../../src/evaluation/feature-distance.ts'
import { eot, random } from '../../src/r2s/adversaries.ts'
import { evaluateR2S, switchEvaluationRows } from '../../src/r2s/evaluate.ts'
import { R2S, switchLoadRows, switchRows } from '../../src/r2s/r2s.ts'
import { transferMatrix, transferRows } from '../../src/r2s/transfer.ts'
import { doctor, doctorRows, maskedArchitectureRows } from '../../src/runs/doctor.ts'
import { ticketAccounts } from '../../src/saved/accounting.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { placementRows } from '../../src/tensor/placement.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { linearClassifier } from '../attacks/linear-classifier.ts'
import { data, quickTicket } from '../r2s/small-tickets.ts'

// Wrong values of all types pass through here.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any

const device = new Device({ threads: 1 })
const split = data.test
let folder: string
let path: string
let ticket: Ticket
let r2s: R2S
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-inputs-'))
  path = join(folder, 'ticket.safetensors')
  ticket = await quickTicket(0.3, device)
  await ticket.save(path)
  r2s = await R2S.load([path, path], { device })
})
afterAll(() => rm(folder, { recursive: true }))

const attack = pgd({ eps: 0.1, steps: 1 })
const adversary = random(attack)

/** A public function with options: how to call it with some, its rows, and the options that it cannot do without. */
const functions: [string, (options: Any) => unknown, object, object][] = [
  ['evaluate', options => evaluate(ticket, split, options), evaluateRows, {}],
  ['transferMatrix', options => transferMatrix([ticket], split, options), transferRows, { attack }],
  ['evaluateR2S', options => evaluateR2S(r2s, split, options), switchEvaluationRows, { adversary }],
  ['featureDistance', options => featureDistance(ticket, split, options), featureDistanceRows, { eps: 0.1 }],
  ['loadTicket', options => loadTicket(path, options), placementRows, {}],
  ['R2S.load', options => R2S.load([path], options), switchLoadRows, {}],
  ['new R2S', options => new R2S([ticket], options), switchRows, {}],
  ['doctor', options => doctor(options), doctorRows, {}],
  [
    'doctor of layers',
    layersOf => doctor({ layersOf }),
    maskedArchitectureRows,
    { arch: 'conv2', remainingRatio: 0.5 },
  ],
]

/** Values that no option of that name takes. */
const wrongValues: Record<string, readonly unknown[]> = {
  attacks: [attack, pgd, 'pgd', ['pgd'], [pgd], [attack, {}], [free({ eps: 0.1 })], null, 3, {}],
  attack: [pgd, 'pgd', [attack], free({ eps: 0.1 }), null, {}, adversary.run],
  adversary: [eot, 'eot', attack, [adversary], null, {}],
  simulate: [0, -1, 1.5, Number.NaN, '3', null],
  eps: [-0.1, 8, Number.NaN, '0.1', null],
  limit: [0, -1, 1.5, Number.NaN, '3', null, split.size + 1, Number.POSITIVE_INFINITY],
  first: [0, -1, 1.5, Number.NaN, '3', null, split.size + 1, Number.POSITIVE_INFINITY],
  dataSeed: [-1, 1.5, Number.NaN, '3', null, 2 ** 53, 3n, 0],
  attackSeed: [-1, 1.5, Number.NaN, '3', null, 2 ** 53, 3n],
  singles: [1, 'yes', null],
  seed: [-1, 1.5, Number.NaN, '3', null, 2 ** 53, 3n],
  batchSize: [0, -1, 1.5, Number.NaN, '3', null, Number.POSITIVE_INFINITY],
  runDir: ['', 3, null, 'a\0b'],
  resume: [1, 'yes', null],
  signal: [{}, new AbortController(), null, true],
  onProgress: [3, {}, null],
  onWarning: [3, {}, null],
  onComplete: [3, {}, null],
  device: ['gpu', 'cuda:x', 3, {}, null],
  threads: [0, -1, 1.5, Number.NaN, '3', null, 4096],
  layersOf: [3, true, null, ''],
  arch: ['', 3, null, 'no-such'],
  width: [0, -1, Number.NaN, '1', 100, null],
  dataset: ['', 3, null, 'no-such'],
  remainingRatio: [0, -0.1, 1.1, Number.NaN, '0.5', null],
  pattern: ['rows', 3, null, ''],
}

/** What a call throws, sooner or later; undefined where it does not. */
async function errorOf(call: () => unknown): Promise<RstError | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error as RstError
  }
}

async function expectRefusal(call: () => unknown, what: string, option?: string): Promise<RstError> {
  const error = await errorOf(call)
  expect(error, what).toBeInstanceOf(RstError)
  expect(error!.message, what).toMatch(/^([A-Z]|limit|first|[\w.]+ has no option).*[.?]$/)
  if (option !== undefined) expect(error, what).toMatchObject({ name: 'ConfigError', option })
  return error!
}

describe.each(functions)('%s refuses', (name, call, rows, needed) => {
  it('every option of a wrong value', async () => {
    for (const option of Object.keys(rows)) {
      expect(wrongValues, `values for ${option}`).toHaveProperty(option)
      for (const value of wrongValues[option]) {
        await expectRefusal(
          () => call({ ...needed, [option]: value }),
          `${option} = ${String(value)}`,
          option,
        )
      }
    }
  })

  it('what it needs and is not there, options it does not know, and options that are none', async () => {
    for (const option of Object.keys(needed)) {
      await expectRefusal(() => call({ ...needed, [option]: undefined }), `no ${option}`, option)
    }
    const [known] = Object.keys(rows)
    const misspelt = `${known}s`.replace(/ss$/, '')
    const error = await expectRefusal(() => call({ ...needed, [misspelt]: 1 }), misspelt, misspelt)
    expect(error.message).toContain(`did you mean ${known}`)
    const noOptions = name === 'doctor of layers' ? [3, null, true] : [3, 'x', null, []]
    for (const options of noOptions) await expectRefusal(() => call(options), String(options))
  })
})

it('an attack on its own, in place of the array of attacks, is told apart from a mistake in the name', async () => {
  const refused = (options: Any) => expectRefusal(() => evaluate(ticket, split, options), 'attacks')
  expect((await refused({ attack: [attack] })).message).toContain('did you mean attacks?')
  expect((await refused({ attacks: attack })).message).toContain('attacks: [attack]')
  expect((await refused({ attacks: pgd })).message).toContain('call it: attacks.pgd({')
  expect((await refused({ attacks: ['pgd'] })).message).toContain("element 0 is 'pgd'; attacks are values")
  expect((await refused({ attacks: [free({ eps: 0.1 })] })).message).toContain('only trains')
  const wrapped = await expectRefusal(
    () => evaluateR2S(r2s, split, { adversary: attack as Any }),
    'adversary',
    'adversary',
  )
  expect(wrapped.message).toContain('adversaries.random(attack)')
})

const wrongSplits: [string, () => unknown][] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['a whole data set', () => data],
  ['images alone', () => split.images],
  ['an empty one', () => ({ images: new Uint8Array(0), labels: new Int32Array(0), size: 0 })],
  ['float images', () => ({ ...split, images: Float32Array.from(split.images, v => v / 255) })],
  ['images as numbers', () => ({ ...split, images: [...split.images] })],
  ['too few images', () => ({ ...split, images: split.images.subarray(64) })],
  ['too few labels', () => ({ ...split, labels: split.labels.subarray(1) })],
  ['BigInt labels', () => ({ ...split, labels: BigInt64Array.from(split.labels, BigInt) })],
  ['labels as numbers', () => ({ ...split, labels: [...split.labels] })],
  ['a label out of range', () => ({ ...split, labels: split.labels.with(3, 4) })],
  ['a negative label', () => ({ ...split, labels: split.labels.with(3, -1) })],
  ['too few ids', () => ({ ...split, ids: new Int32Array(3) })],
]
const onSplits: [string, (split: Any) => unknown][] = [
  ['evaluate', given => evaluate(ticket, given)],
  ['transferMatrix', given => transferMatrix([ticket], given, { attack })],
  ['evaluateR2S', given => evaluateR2S(r2s, given, { adversary })],
  ['featureDistance', given => featureDistance(ticket, given, { eps: 0.1 })],
]
it.each(onSplits)('%s refuses what is no split for the model', async (_, call) => {
  for (const [what, make] of wrongSplits) await expectRefusal(() => call(make()), what, 'split')
})

describe('what is no model is refused', () => {
  const linear = linearClassifier([1, -2, 0.5, 0.3], 0.2)
  const four: Split = { size: 1, images: new Uint8Array(4), labels: new Int32Array(1) }
  const wrong: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a path', path],
    ['a number', 3],
    ['an object', {}],
    ['a model without logits', { ...linear, logits: undefined }],
    ['a model of one class', { ...linear, numClasses: 1 }],
    ['a model of no classes', { ...linear, numClasses: undefined }],
    ['a model of classes in text', { ...linear, numClasses: '2' }],
    ['a model for no images', { ...linear, inputShape: undefined }],
    ['a model for flat images', { ...linear, inputShape: [4] }],
    ['a model for images of no size', { ...linear, inputShape: [1, 0, 2] }],
  ]
  it.each<[string, (model: Any) => unknown]>([
    ['evaluate', model => evaluate(model, four)],
    ['transferMatrix', model => transferMatrix([model], four, { attack })],
    ['transferMatrix, of the second', model => transferMatrix([linear, model], four, { attack })],
    ['evaluateR2S', model => evaluateR2S({ tickets: [model] }, four, { adversary })],
    ['featureDistance', model => featureDistance(model, four, { eps: 0.1 })],
    ['new R2S', model => new R2S([model])],
  ])('by %s', async (_, call) => {
    for (const [what, model] of wrong) await expectRefusal(() => call(model), what)
  })

  it.each<[string, (tickets: Any) => unknown]>([
    ['transferMatrix', tickets => transferMatrix(tickets, split, { attack })],
    ['evaluateR2S', tickets => evaluateR2S({ tickets }, split, { adversary })],
    ['new R2S', tickets => new R2S(tickets)],
  ])('nor by %s what are no tickets', async (_, call) => {
    for (const tickets of [undefined, null, [], ticket, path, [path], 3]) {
      await expectRefusal(() => call(tickets), String(tickets))
    }
    for (const none of [undefined, null, 3]) {
      await expectRefusal(() => evaluateR2S(none as Any, split, { adversary }), String(none), 'tickets')
    }
  })

  const answers: [string, (x: Tensor) => unknown][] = [
    ['nothing', () => undefined],
    ['an array', () => [1, 2]],
    ['a promise', async (x: Tensor) => linear.logits(x)],
    ['logits of more classes', x => ops.linear(x, tensor(new Float32Array(12), [3, 4]))],
    ['logits of one class', x => ops.linear(x, tensor(new Float32Array(4), [1, 4]))],
    ['one vector', x => ops.reshape(linear.logits(x), [-1])],
    [
      'logits of another image count',
      x => ops.linear(ops.reshape(x, [-1, 2]), tensor(new Float32Array(4), [2, 2])),
    ],
    ['classes', x => ops.argmax(linear.logits(x))],
  ]
  it.each<[string, (model: Any) => unknown]>([
    ['evaluate', model => evaluate(model, four, { batchSize: 2 })],
    ['evaluate, as it chooses the batch size', model => evaluate(model, four)],
    ['transferMatrix', model => transferMatrix([model], four, { attack, batchSize: 2 })],
    ['evaluateR2S', model => evaluateR2S({ tickets: [linear, model] }, four, { adversary, batchSize: 2 })],
  ])('by %s where it answers with other than logits of its classes', async (_, call) => {
    for (const [what, logits] of answers) {
      expect(await errorOf(() => call({ ...linear, logits })), what).toMatchObject({
        name: 'ShapeError',
        message: expect.stringMatching(/logits.*numClasses/),
      })
    }
  })
})

describe('paths', () => {
  const wrong = [undefined, null, 3, '', {}, 'a\0b']
  it('that are none are refused', async () => {
    for (const given of wrong) {
      await expectRefusal(() => loadTicket(given as Any), String(given), 'path')
      for (const call of [R2S.load, ticketAccounts]) {
        await expectRefusal(() => call([path, given] as Any), String(given), 'paths')
      }
    }
    for (const call of [R2S.load, ticketAccounts]) {
      for (const given of [undefined, null, 3, path, { length: 1 }]) {
        await expectRefusal(() => call(given as Any), String(given), 'paths')
      }
    }
  })

  it('at which there is no ticket are a TicketError: none, a folder, a device, a file in place of a folder', async () => {
    for (const given of [join(folder, 'none'), folder, '/dev/null', join(path, 'ticket')]) {
      for (const call of [
        loadTicket,
        (one: string) => R2S.load([one]),
        (one: string) => ticketAccounts([one]),
      ]) {
        expect(await errorOf(() => call(given)), given).toMatchObject({ name: 'TicketError', field: 'file' })
      }
      expect(await errorOf(() => doctor({ layersOf: given })), given).toMatchObject({ name: 'TicketError' })
    }
  })
})

describe('pixels', () => {
  const image = Float32Array.from(split.images.subarray(0, 64), v => v / 255)
  const calls: [string, (pixels: Any) => Promise<{ probabilities: Float32Array }>][] = [
    ['Ticket.predict', pixels => ticket.predict(pixels)],
    ['Ticket.predictBatch', pixels => ticket.predictBatch(pixels)],
    ['R2S.predict', pixels => r2s.predict(pixels)],
    ['R2S.predictBatch', pixels => r2s.predictBatch(pixels)],
  ]
  it.each(calls)('%s refuses what are no pixels from 0 to 1', async (_, call) => {
    const wrong: [string, unknown][] = [
      ['8-bit pixels', Float32Array.from(split.images.subarray(0, 64))],
      ['normalised pixels', image.map(v => (v - 0.5) / 0.25)],
      ['a pixel that is no number', image.with(5, Number.NaN)],
      ['a pixel below 0', image.with(5, -1e-5)],
      ['a pixel above 1', image.with(5, 1 + 1e-5)],
      ['bytes', split.images.subarray(0, 64)],
      ['an array', [...image]],
      ['doubles', Float64Array.from(image)],
      ['nothing', undefined],
    ]
    for (const [what, pixels] of wrong) await expectRefusal(() => call(pixels), what, 'pixels')
    for (const pixels of [image.subarray(1), new Float32Array(0), new Float32Array(65)]) {
      expect(await errorOf(() => call(pixels))).toMatchObject({ name: 'ShapeError' })
    }
  })

  it.each(calls)('%s clips what rounding put outside, and leaves the given pixels alone', async (_, call) => {
    const light = new Float32Array(image).with(3, 1).with(4, 0)
    const rounded = new Float32Array(light).with(3, 1 + 5e-7).with(4, -5e-7)
    const { probabilities } = await call(light)
    expect((await call(rounded)).probabilities).toEqual(probabilities)
    expect(rounded[4]).toBeLessThan(0)
  })

  it('predictBatch answers as predict does', async () => {
    const three = Float32Array.from(split.images.subarray(0, 192), v => v / 255)
    const batch = await ticket.predictBatch(three)
    for (let n = 0; n < 3; n++) {
      const { label, probabilities } = await ticket.predict(three.subarray(64 * n, 64 * n + 64))
      expect(batch.labels[n]).toBe(label)
      expect(batch.probabilities.subarray(4 * n, 4 * n + 4)).toEqual(probabilities)
    }
  })
})

it('a model that answers at random has no evaluation that could be resumed', async () => {
  const options = { attacks: [attack], runDir: folder }
  await expectRefusal(() => evaluate(r2s, split, options), 'runDir', 'runDir')
})

it('a limit beyond the split names the size of the split', async () => {
  const error = await expectRefusal(() => evaluate(ticket, split, { limit: 62 }), 'limit', 'limit')
  expect(error.message).toContain('from 1 to 61')
})
