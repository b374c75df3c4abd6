// Every option of every training function, with every kind of wrong value.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { InnerAttack } from '../../src/attacks/frame/inner-attack.ts'
import { fgsmRs, pgd } from '../../src/attacks/index.ts'
import type { Dataset } from '../../src/data/dataset.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Kind } from '../../src/inputs/kinds.ts'
import type { Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { denseRows, trainDense } from '../../src/training/dense.ts'
import { finetune, finetuneRows } from '../../src/training/finetune.ts'
import { searchRows } from '../../src/training/option-rows.ts'
import { resolveTraining } from '../../src/training/resolve.ts'
import { scheduleRows } from '../../src/training/schedule.ts'
import { randomTicket, searchRST } from '../../src/training/search.ts'
import { boundsOf } from '../inputs/bounds.ts'
import { stripes } from './synthetic-dataset.ts'

const data = stripes({ train: 48, test: 16 })
const device = new Device({ threads: 1 })
const network = { arch: 'conv2', width: 0.1, device }
const recipe = { data, inner: fgsmRs({ eps: 0.05 }), epochs: 2, batchSize: 16 }

let ticket: Ticket
beforeAll(async () => {
  ticket = await randomTicket({ ...network, ...recipe, remainingRatio: 0.4 })
})
afterAll(() => ticket.dispose())

type Options = Record<string, unknown>
interface Function {
  rows: Readonly<Record<string, Kind>>
  run: (changes: Options) => Promise<unknown>
}
const given = (options: object, changes: Options) => ({ ...options, ...changes }) as never
const functions: Record<string, Function> = {
  searchRST: {
    rows: searchRows,
    run: changes => searchRST(given({ ...network, ...recipe, remainingRatio: 0.4 }, changes)),
  },
  randomTicket: {
    rows: searchRows,
    run: changes => randomTicket(given({ ...network, ...recipe, remainingRatio: 0.4 }, changes)),
  },
  trainDense: {
    rows: denseRows,
    run: changes => trainDense(given({ ...network, ...recipe }, changes)),
  },
  finetune: { rows: finetuneRows, run: changes => finetune(given({ ...recipe, ticket }, changes)) },
}

const generic: unknown[] = [
  ...[Number.NaN, -1, 0, 1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 60, 5n],
  ...['3', 'no', '', {}, [], [1], null, true, () => {}, Symbol('s'), new Date(0), new Uint8Array(2)],
]

async function expectRefused(run: Promise<unknown>, option: string, what: string): Promise<void> {
  const error = await run.then(
    () => expect.unreachable(`${what} was accepted`),
    (e: unknown) => e,
  )
  expect(error, what).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).option, what).toBe(option)
  expect((error as ConfigError).message, what).toContain(option)
}

describe.each(Object.entries(functions))('%s', (name, { rows, run }) => {
  it.each(Object.keys(rows))('refuses wrong values of %s by name', async option => {
    const wrong = generic.filter(value => !rows[option].accepts(value))
    expect(wrong.length).toBeGreaterThan(10)
    for (const value of wrong) {
      await expectRefused(run({ [option]: value }), option, `${option}: ${typeof value} ${String(value)}`)
    }
    if (rows[option].required) await expectRefused(run({ [option]: undefined }), option, `no ${option}`)
  })

  it('refuses what it does not know, and says what was meant', async () => {
    for (const [unknown, meant] of [
      ['epoch', 'epochs'],
      ['batchsize', 'batchSize'],
      ['learningRate', ''],
      ['selectedOn', 'selectOn'],
      ['__proto__x', ''],
    ]) {
      await expectRefused(run({ [unknown]: 1 }), unknown, unknown)
      const pattern = meant === '' ? /known: / : new RegExp(`did you mean ${meant}\\?`)
      await expect(run({ [unknown]: 1 })).rejects.toThrow(pattern)
    }
  })

  it('refuses options that are none', async () => {
    const call = { searchRST, randomTicket, trainDense, finetune }[name] as (
      options: unknown,
    ) => Promise<unknown>
    for (const options of [undefined, null, 5, 'conv2', [], () => {}]) {
      await expectRefused(call(options), 'options', String(options))
    }
  })

  const schedules: [string, unknown][] = [
    ['schedule', { kind: 'linear' }],
    ['schedule', {}],
    ['gamma', { kind: 'step', gamma: Number.NaN }],
    ['gamma', { kind: 'step', gamma: -1 }],
    // Only steps have it.
    ['gamma', { kind: 'cosine', gamma: 0.1 }],
    ['milestones', { kind: 'constant', milestones: [0.5] }],
    ['milestones', { kind: 'step', milestones: [0.5, 1] }],
    ['milestones', { kind: 'step', milestones: ['0.5'] }],
    ['milestones', { kind: 'step', milestones: 0.5 }],
    ['warmupEpochs', { kind: 'cosine', warmupEpochs: 2 }],
    ['warmupEpochs', { kind: 'cosine', warmupEpochs: Number.NaN }],
    ['warmup', { kind: 'cosine', warmup: 1 }],
  ]
  it.each(schedules)('refuses the %s of %j', async (option, schedule) => {
    await expectRefused(run({ schedule }), option, JSON.stringify(schedule))
  })

  const part = (changes: object): Dataset => ({ ...data, ...changes })
  const train = (changes: object) => part({ train: { ...data.train, ...changes } })
  const datasets: Record<string, unknown> = {
    'a split': data.train,
    'no test': { train: data.train, info: data.info },
    'fewer labels': train({ labels: data.train.labels.subarray(1) }),
    'BigInt labels': train({ labels: BigInt64Array.from(data.train.labels, BigInt) }),
    'a label too large': train({ labels: data.train.labels.with(3, 4) }),
    'float images': train({ images: Float32Array.from(data.train.images, v => v / 255) }),
    'images as numbers': train({ images: [...data.train.images] }),
    'no images': train({ images: new Uint8Array(0), labels: new Int32Array(0), size: 0 }),
    'one class': part({ info: { ...data.info, classes: 1 } }),
    'a deviation of 0': part({ info: { ...data.info, std: [0] } }),
  }
  it.each(Object.keys(datasets))('refuses a data set of %s', async key => {
    const error = (await run({ data: datasets[key] }).catch(e => e)) as ConfigError
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.option).toMatch(/^data/)
  })

  const combined: [string, Options, RegExp][] = [
    ['limit', { limit: 49 }, /from 1 to 48/],
    ['limit', { limit: 1 }, /fewer images to hold out for validation than the 1 .* limit/],
    ['validationImages', { validationImages: 48 }, /than the 48 to train on/],
    ['validationImages', { validationImages: 5, selectOn: 'last' }, /holds out none/],
    ['attackBatchNorm', { inner: null, attackBatchNorm: 'eval' }, /natural training/],
    ['runDir', { resume: true }, /the folder of the run to resume/],
    ['inner', { inner: { ...recipe.inner, settings: {} } }, /eps and norm among the settings/],
  ]
  it.each(combined.map(([option, changes, message]) => ({ option, changes, message })))(
    'refuses $option where others do not allow it: $message',
    async ({ option, changes, message }) => {
      const all = { selectEvery: 1, ...changes }
      await expectRefused(run(all), option, option)
      await expect(run(all)).rejects.toThrow(message)
    },
  )
})

it.each(Object.entries(scheduleRows))('the %s schedule refuses wrong values by name', async (kind, rows) => {
  for (const [option, row] of Object.entries(rows as Record<string, Kind>)) {
    if (option === 'kind') continue
    for (const value of generic.filter(one => !row.accepts(one))) {
      const schedule = { kind, [option]: value }
      await expectRefused(functions.searchRST.run({ schedule }), option, `${option}: ${String(value)}`)
    }
  }
})

describe('a search runs with every option at its bounds and with every word', () => {
  // The other networks are large (test/models has them), and the other words go with runDir and from.
  const some: Record<string, unknown[]> = {
    arch: ['conv4', 'conv6'],
    width: [1e-3, 0.1],
    resume: [false],
    reinitClassifier: [false],
  }
  const cases = Object.entries(searchRows).flatMap(([option, row]) =>
    (some[option] ?? boundsOf(row)).map(value => ({ option, value })),
  )
  it.each(cases)('$option $value', async ({ option, value }) => {
    const few = stripes({ train: 12, test: 4 })
    const own = { ...network, ...recipe, data: few, epochs: 1, batchSize: 6, remainingRatio: 0.4 }
    const { ticket: found, history } = await searchRST(given(own, { [option]: value }))
    expect(history).toHaveLength(1)
    found.dispose()
  })
})

it('options of undefined are those that were not given', async () => {
  const absent = Object.fromEntries(
    Object.entries(searchRows).flatMap(([name, row]) => (row.required ? [] : [[name, undefined]])),
  )
  const options = { arch: 'conv2', data, remainingRatio: 0.4, epochs: 2 }
  const [plain, undefinedOnes] = [
    await resolveTraining(options),
    await resolveTraining({ ...absent, ...options }),
  ]
  expect({ ...undefinedOnes, onWarning: 0, inner: 0, selection: 0 }).toEqual({
    ...plain,
    onWarning: 0,
    inner: 0,
    selection: 0,
  })
})

it('candidates are measured in the ball of the inner attack', async () => {
  const attackOf = async (inner: InnerAttack | null) =>
    (await resolveTraining({ ...network, ...recipe, inner, selectEvery: 1 })).selection!.attack
  expect(await attackOf(pgd({ eps: 0.5, norm: 'l2' }))).toMatchObject({
    norm: 'l2',
    eps: 0.5,
    name: 'pgd-20',
  })
  expect(await attackOf(pgd({ eps: 0.1 }))).toMatchObject({ norm: 'linf', eps: 0.1 })
  expect(await attackOf(null)).toBeNull()
})
