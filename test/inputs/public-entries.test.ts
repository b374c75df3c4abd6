// Every function and class that the package exports, with every kind of junk in every place: it answers, or throws one
// of the package's own errors. Exports are found, not listed, so that a new one is covered too.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromArrays } from '../../src/data/from-arrays.ts'
import * as library from '../../src/index.ts'
import { describeValue } from '../../src/inputs/options.ts'
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
  if (Object.hasOwn(value, 'dispose') || value.dispose === undefined) {
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

describe('every public entry', () => {
  it('answers or throws a typed error for junk in every place, and leaks nothing', async () => {
    const { inUse } = Device.default.memory()
    function* calls(): Generator<[string, (...args: Any[]) => unknown, unknown[]]> {
      for (const [name, f] of entries()) {
        for (const value of junk) {
          for (const begin of beginnings) yield [name, f, [...begin(), value]]
          yield [name, f, [value, value]]
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
    const dense = await library.trainDense({ ...training, epochs: 1, inner: null })
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
})
