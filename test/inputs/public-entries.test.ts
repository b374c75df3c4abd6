// Every function and class that the package exports, with every kind of junk in every place: it answers, or throws one
// of the package's own errors. Exports are found, not listed, so that a new one is covered too.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromArrays } from '../../src/data/from-arrays.ts'
import * as library from '../../src/index.ts'
import { describeValue } from '../../src/inputs/options.ts'
import { attackStep } from '../../src/tensor/ops/attack.ts'
import { linearClassifier } from '../attacks/linear-classifier.ts'
import { data, quickTicket } from '../r2s/small-tickets.ts'

const { Device, ops, R2S, RstError, tensor } = library

// Values of all types pass through here.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any

const circular: Any = []
circular.push(circular)

const junk: unknown[] = [
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  0,
  1.5,
  2 ** 60,
  3n,
  '',
  'x',
  '__proto__',
  true,
  Symbol('s'),
  () => 1,
  {},
  Object.create(null),
  { dispose: 1, dtype: 1, shape: 1, device: 1 },
  Object.create(Device.prototype),
  [],
  [1],
  [3n],
  ['x'],
  [Symbol('s')],
  [null],
  [[]],
  circular,
  new Float32Array(3),
  new BigInt64Array(1),
  new ArrayBuffer(4),
  new Date(0),
  new Map([[1, 2]]),
  Promise.resolve(1),
  /x/,
]

/** One of each type, for the later places. */
const oneOfEach = junk.filter((value, i) => {
  const typeOf = (one: unknown) => Object.prototype.toString.call(one)
  return junk.findIndex(one => typeOf(one) === typeOf(value)) === i
})

const isError = (f: Any) => f === Error || f.prototype instanceof Error
const isClass = (f: Any) => /^class\b/.test(Function.prototype.toString.call(f))

/** Every public function, class and static method, by the name that users call it by. Errors are thrown, not called. */
function entries(): [string, (...args: unknown[]) => unknown][] {
  const found: [string, (...args: unknown[]) => unknown][] = []
  const add = (name: string, f: Any, owner?: object) => {
    if (typeof f !== 'function' || isError(f)) return
    found.push([name, isClass(f) ? (...args) => new f(...args) : f.bind(owner)])
    for (const member of Object.getOwnPropertyNames(f)) {
      if (!['length', 'name', 'prototype'].includes(member)) add(`${name}.${member}`, f[member], f)
    }
  }
  for (const [name, value] of Object.entries(library)) {
    if (typeof value === 'function') add(name, value)
    else if (typeof value === 'object' && !Array.isArray(value)) {
      for (const [member, f] of Object.entries(value)) add(`${name}.${member}`, f)
    }
  }
  return found
}

let folder: string
let ticket: library.Ticket
let r2s: library.R2S
const model = linearClassifier([1, -1], 0)
const images = { images: new Uint8Array(4), labels: [0, 1] }
const split = fromArrays({ name: 'two', classes: 2, shape: [1, 1, 2], train: images, test: images }).test
const home = process.cwd()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-entries-'))
  // Away from what lies in data/ on this machine.
  process.chdir(folder)
  ticket = await quickTicket(0.5, Device.default)
  r2s = new R2S([ticket])
})
afterAll(async () => {
  process.chdir(home)
  await rm(folder, { recursive: true })
})

const training = {
  arch: 'conv2',
  width: 0.15,
  data,
  batchSize: 64,
  augment: false,
  seed: 7,
  device: Device.default,
}
const networkOptions = {
  classes: 2,
  inChannels: 1,
  imageSize: [8, 8],
  width: 0.1,
  mean: [0],
  std: [1],
  device: Device.default,
} as const
const x = () => ops.full([1, 1, 2, 2], 1)
const rows = () => ops.full([2, 2], 1)
const threat = { norm: 'linf', eps: 0.1, low: 0, high: 1 }
const labels = () => tensor([0, 1], [2], { dtype: 'i32' })

/** What may stand right before the junk: fresh at each call, since calls may change or dispose it. */
const beginnings: (() => unknown[])[] = [
  () => [],
  () => [x()],
  () => [rows()],
  () => [labels()],
  () => [x(), x()],
  () => [rows(), labels()],
  () => [x(), x(), x()],
  () => [x(), ops.full([1], 0), ops.full([1], 1)],
  () => [x(), x(), ops.full([1], 0), ops.full([1], 1)],
  () => [x(), x(), x(), threat],
  () => [x(), x(), x(), threat, 0.1],
  () => [rows(), labels(), threat],
  () => [x(), 0],
  () => [x(), [1]],
  () => [labels(), [2, 2]],
  () => [[1, 2]],
  () => [[1, 2], 1],
  () => [[1, 2], [2]],
  () => [[2, 2], { init: 'normal', scale: 1, seed: 0, purpose: 'weight', layer: 0 }],
  () => [() => undefined],
  () => ['cifar10'],
  () => ['conv2'],
  () => [join(folder, 'none')],
  () => [{ dir: folder }],
  () => [model],
  () => [[model]],
  () => [[ticket, ticket]],
  () => [ticket.network],
  () => [model, split],
  () => [[model], split],
  () => [r2s, split],
]

/** Disposes the tensors, devices and networks in a value, except those that are used again. */
function free(value: Any, seen = new Set<unknown>([ticket, ticket.network, r2s])): void {
  if (typeof value !== 'object' || value === null || seen.has(value) || ArrayBuffer.isView(value)) return
  seen.add(value)
  // What vjp() gives keeps all that its way back needs.
  if (typeof value.pull === 'function') value.dispose()
  else if (Object.hasOwn(value, 'dispose') || value.dispose === undefined) {
    for (const item of Object.values(value)) free(item, seen)
  } else if (value.constructor !== R2S) value.dispose()
}

const isJunk = new Set(junk)
const freeAll = (values: unknown[]) => {
  for (const value of values) if (!isJunk.has(value)) free(value)
}

/** What a call throws, if anything. */
async function errorOf(f: (...args: Any[]) => unknown, args: unknown[]): Promise<unknown> {
  try {
    const result = await f(...args)
    freeAll([result])
    return undefined
  } catch (error) {
    return error
  } finally {
    freeAll(args)
  }
}

/** The calls that end in an error which is not of the package. */
async function faultsOf(
  calls: Iterable<[string, (...args: Any[]) => unknown, unknown[]]>,
): Promise<string[]> {
  const faults: string[] = []
  for (const [name, f, args] of calls) {
    const error = await errorOf(f, args)
    if (error === undefined || error instanceof RstError) continue
    faults.push(`${name}(${args.map(describeValue).join(', ')}): ${String(error)}`)
  }
  return faults
}

/** All methods and setters of an object, by name. */
function membersOf(owner: string, object: Any): [string, (...args: unknown[]) => unknown][] {
  const members = new Map<string, (...args: unknown[]) => unknown>()
  for (let at = object; at !== Object.prototype && at !== null; at = Object.getPrototypeOf(at)) {
    for (const [name, { value, set }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      const member = set ?? value
      if (typeof member !== 'function' || name === 'constructor' || name === 'dispose') continue
      if (!members.has(name)) members.set(name, member.bind(object))
    }
  }
  return [...members].map(([name, member]) => [`${owner}.${name}`, member])
}

const { grad, models, nn, scope, upload } = library
const network = (architecture: Any) => new nn.Network(architecture, networkOptions)
const spec = { name: 'a', index: 0, weightShape: [1, 1, 1, 1], stride: 1, padding: 0 }

/** Calls that could be taken for answers, with the option or input that the error names. */
const refused: [string, (() => Any)[]][] = [
  ['x', [() => ops.relu(null as Any), () => ops.linear({} as Any, x()), () => ops.mean([1] as Any)]],
  ['b', [() => ops.add(x(), 1 as Any), () => ops.add(x(), { dispose() {}, dtype: 'f32' } as Any)]],
  ['bias', [() => ops.linear(rows(), rows(), 0 as Any), () => ops.linear(rows(), rows(), null as Any)]],
  ['value', [() => ops.full([1], true as Any), () => ops.full([1], [1] as Any)]],
  ['shape', [() => ops.full(true as Any, 1), () => ops.reshape(x(), '4' as Any)]],
  ['shape', [() => tensor([1], [1n] as Any), () => ops.unpackBits(x() as Any, 8 as Any)]],
  ['device', [() => ops.full([1], 1, {} as Any), () => ops.full([1], 1, Object.create(Device.prototype))]],
  ['factor', [() => ops.scale(x(), true as Any), () => ops.scale(x(), [2] as Any)]],
  ['keep', [() => ops.topkMask(x(), [1] as Any), () => ops.topkMask(x(), true as Any)]],
  ['kernel', [() => ops.maxPool2d(x(), [2] as Any), () => ops.avgPool2d(x(), true as Any)]],
  ['norm', [() => ops.sampleNorm(x(), 'l1' as Any)]],
  ['norm', [() => attackStep(x(), x(), x(), { ...threat, norm: 'l1' } as Any, 0.1)]],
  ['residual', [() => ops.convBatchNorm(x(), x(), x(), x(), { residual: 1 as Any })]],
  ['options', [() => ops.conv2d(x(), x(), 2 as Any), () => ops.conv2d(x(), x(), null as Any)]],
  ['options', [() => ops.conv2d(x(), x(), new Map() as Any), () => tensor([1], [1], new Date() as Any)]],
  ['options', [() => ops.maxPool2d(x(), 2, Promise.resolve({}) as Any)]],
  ['elements', [() => tensor(['x'] as Any), () => tensor([true] as Any), () => upload([null] as Any)]],
  ['elements', [() => tensor([1.5], [1], { dtype: 'i32' }), () => tensor([256], [1], { dtype: 'u8' })]],
  ['elements', [() => tensor([2 ** 31], [1], { dtype: 'i32' }), () => tensor(new Array(2), [2])]],
  ['elements', [() => tensor(new Float32Array([Number.NaN]), [1], { dtype: 'i32' })]],
  [
    'device',
    [() => new library.Tensor(Device.default, {} as Any), () => new library.Tensor({} as Any, x() as Any)],
  ],
  ['body', [() => scope('x' as Any), () => grad(undefined as Any, [])]],
  ['wrt', [() => grad(x, undefined as Any), () => grad(x, x() as Any), () => grad(x, [1] as Any)]],
  [
    'arch',
    [() => models.create(Symbol('conv2') as Any, networkOptions), () => models.canonicalName({} as Any)],
  ],
  ['imageSize', [() => models.create('conv2', { ...networkOptions, imageSize: [8] as Any })]],
  ['mean', [() => models.create('conv2', { ...networkOptions, mean: 0 as Any })]],
  ['classes', [() => models.layersOf('conv2', {} as Any)]],
  [
    'remainingRatio',
    [() => nn.keepCount(10, 2), () => nn.keepCount(10, 0), () => nn.keepCount(10, '1' as Any)],
  ],
  ['n', [() => nn.keepCount(-1, 0.5), () => nn.keepCount(1.5, 0.5)]],
  ['weightShape', [() => nn.maskShape('' as Any, 'row'), () => nn.maskShape(undefined as Any, 'row')]],
  ['pattern', [() => nn.maskShape([1, 1, 1, 1], 'block' as Any)]],
  [
    'x',
    [
      () => network((build: Any) => build.relu(1 as Any)),
      () => network((build: Any) => build.conv('a', x() as Any, 1, 1)),
    ],
  ],
  ['name', [() => network((build: Any, images: Any) => build.batchNorm('', images))]],
  ['groups', [() => network((build: Any, images: Any) => build.conv('a', images, 3, 1, { groups: 2 }))]],
  ['stride', [() => network((build: Any, images: Any) => build.maxPool(images, 2, { stride: 0 }))]],
  ['outputs', [() => network((build: Any, images: Any) => build.linear('a', images, 0))]],
  ['stride', [() => new nn.MaskedConv2d({ ...spec, stride: 0 })]],
  ['channels', [() => new nn.BatchNorm2d({ name: 'a', channels: 0 }, Device.default)]],
  ['architecture', [() => network(1), () => network(() => 1)]],
  ['weight', [() => new nn.MaskedConv2d(spec).weight]],
  ['network', [() => nn.layerKernels({} as Any)]],
  ['dataset', [() => library.datasets.open({} as Any), () => library.datasets.info(Symbol('mnist') as Any)]],
  ['ticket', [() => r2s.pinned('length' as Any), () => r2s.pinned(Symbol('0') as Any)]],
  ['accuracies', [() => ticket.recordAccuracies({ natural: 2 }), () => ticket.recordAccuracies(1n as Any)]],
  ['path', [() => ticket.save({} as Any), () => ticket.save('')]],
]

describe('every public entry', () => {
  it('answers or throws a typed error for junk in every place, and leaks nothing', async () => {
    const { inUse } = Device.default.memory()
    function* calls(): Generator<[string, (...args: Any[]) => unknown, unknown[]]> {
      for (const [name, f] of entries()) {
        for (const value of junk) yield [name, f, [value, value]]
        for (const begin of beginnings) {
          const before = begin()
          freeAll(before)
          const values = before.length > 1 ? oneOfEach : junk
          for (const value of values) yield [name, f, [...begin(), value]]
        }
      }
    }
    expect(await faultsOf(calls())).toEqual([])
    await Device.default.synchronize()
    expect(Device.default.memory().inUse).toBe(inUse)
    using sum = ops.add(x(), x())
    expect([...(await sum.data())]).toEqual([2, 2, 2, 2])
  })

  it('that is a method or setter does so too', async () => {
    const attack = library.attacks.pgd({ eps: 0.1, steps: 1 })
    const network = library.models.create('conv2', networkOptions)
    network.drawWeights('kaiming-normal', 0)
    network.drawScores('element', 0)
    const { model: dense } = await library.trainDense({ ...training, epochs: 1, inner: null })
    const objects: Record<string, object> = {
      dense,
      ticket,
      r2s,
      attack,
      adversary: library.adversaries.random(attack),
      network,
      layer: network.convolutions[0],
      batchNorm: network.batchNorms[0],
      tensor: x(),
      device: new Device({ threads: 1 }),
      split,
    }
    function* calls(): Generator<[string, (...args: Any[]) => unknown, unknown[]]> {
      for (const [owner, object] of Object.entries(objects)) {
        for (const [name, f] of membersOf(owner, object)) {
          for (const value of junk) {
            for (const count of [1, 2, 3]) yield [name, f, new Array(count).fill(value)]
            yield [name, f, [model, value]]
            yield [name, f, [model, split, value]]
          }
        }
      }
    }
    expect(await faultsOf(calls())).toEqual([])
  })

  it.each(refused.map(([option, calls]) => [option, calls] as const))(
    'refuses a wrong %s',
    async (option, calls) => {
      for (const call of calls) {
        const error = await errorOf(call, [])
        expect(error, String(call)).toMatchObject({ name: 'ConfigError', option })
      }
    },
  )

  it('names what is no tensor', async () => {
    const messageOf = async (call: () => unknown) => ((await errorOf(call, [])) as Error).message
    expect(await messageOf(() => ops.relu(undefined as Any))).toBe(
      'relu expects a tensor for x but received nothing.',
    )
    expect(await messageOf(() => ops.crossEntropy(rows(), 'one' as Any))).toBe(
      "crossEntropy expects a tensor for labels but received 'one'.",
    )
  })

  it('hands a result that contains itself out of a scope', () => {
    const result = scope(() => {
      const all: Any[] = [x()]
      all.push(all, { all })
      return all
    })
    expect(result[0].disposed).toBe(false)
    result[0].dispose()
  })
})
