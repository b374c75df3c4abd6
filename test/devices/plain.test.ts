// The whole library on a second backend (native/test/plain): a library that is opened by name, computes in plain scalar
// code, lacks ops, completes late and fails on demand. Run by the project 'device' of vitest.config.ts.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pgd } from '../../src/attacks/index.ts'
import { DeviceError, ShapeError } from '../../src/errors.ts'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { listDevices } from '../../src/tensor/list-devices.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { grad } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from '../training/synthetic-dataset.ts'

const cpu = new Device({ name: 'cpu', threads: 1 })
const plain = new Device()
const ones = (device: Device) => tensor(new Float32Array(6).fill(1), [2, 3], { device })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-plain-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => {
  delete process.env.RST_PLAIN
})

/** A device that starts with those faults: "delay=5,fail=1,lose=1". */
function faulty(faults: string): Device {
  process.env.RST_PLAIN = faults
  return new Device()
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4) {
  expect(actual.length).toBe(expected.length)
  const far = Array.from(actual, (v, i) => Math.abs(v - expected[i])).filter(d => !(d <= tolerance))
  expect(far).toEqual([])
}

it('is what a device is when none is named, and stands in the list of devices', () => {
  expect(plain.name).toBe('plain:0')
  expect(plain.description).toBe('Plain, scalar code for tests')
  expect(listDevices()).toContainEqual({ name: 'plain:0', description: plain.description, usable: true })
})

it('gives the values and gradients of the CPU, also of ops that it lacks', async () => {
  const count = (shape: number[]) => shape.reduce((product, d) => product * d, 1)
  const values = (shape: number[], seed: number) =>
    Float32Array.from({ length: count(shape) }, (_, i) => Math.sin(seed + i))
  const results = await Promise.all(
    [cpu, plain].map(async device => {
      const x = tensor(values([3, 2, 6, 5], 1), [3, 2, 6, 5], { device })
      const w = tensor(values([4, 2, 3, 3], 2), [4, 2, 3, 3], { device })
      const labels = tensor([1, 0, 3], [3], { dtype: 'i32', device })
      const loss = (input: Tensor, weight: Tensor) =>
        ops.sum(
          ops.crossEntropy(
            ops.reshape(ops.globalAvgPool(ops.relu(ops.conv2d(input, weight, { stride: 2 }))), [3, 4]),
            labels,
          ),
        )
      const { value, gradients } = grad(() => loss(x, w), [x, w])
      return Promise.all([value, ...gradients].map(async t => Array.from(await t.data())))
    }),
  )
  results[0].forEach((expected, i) => {
    expectClose(results[1][i], expected)
  })
  expect(plain.fallbacks.cross_entropy_grad).toBeGreaterThan(0)
  expect(plain.fallbacks).not.toHaveProperty('conv2d')
  expect(cpu.fallbacks).toEqual({})
})

describe('a search', () => {
  const data = stripes({ train: 48, test: 24 })
  const images = Float32Array.from(data.test.images, v => v / 255)
  const search = async (device: Device) =>
    (
      await searchRST({
        arch: 'conv2',
        width: 0.1,
        data,
        remainingRatio: 0.4,
        inner: pgd({ eps: 0.05, steps: 2 }),
        epochs: 1,
        batchSize: 24,
        lr: 0.5,
        seed: 7,
        device,
      })
    ).ticket
  let tickets: Ticket[]
  beforeAll(async () => {
    tickets = [await search(cpu), await search(plain)]
  })

  it('finds the ticket of the CPU, and its file is read on either device', async () => {
    const files = await Promise.all(
      tickets.map(async (ticket, i) => {
        const file = join(folder, `${i}.safetensors`)
        await ticket.save(file)
        return file
      }),
    )
    using onCpu = await loadTicket(files[1], { device: cpu })
    using onPlain = await loadTicket(files[1], { device: plain })
    const again = join(folder, 'again.safetensors')
    await onCpu.save(again)
    expect(await readFile(again)).toEqual(await readFile(files[1]))
    const logits = await Promise.all(
      [tickets[0], onCpu, onPlain].map(async ticket => {
        const device = ticket === onPlain ? plain : cpu
        using x = tensor(images, [24, 1, 8, 8], { device })
        using y = ticket.logits(x)
        return y.data()
      }),
    )
    for (const other of logits.slice(1)) expectClose(other, logits[0], 1e-3)
  })

  it('is attacked with the outcome of the CPU', async () => {
    const attack = pgd({ eps: 0.1, steps: 4 })
    const [expected, actual] = await Promise.all(
      tickets.map(ticket => attack.run(ticket, images, data.test.labels, { seed: 1 })),
    )
    expect([...actual.robust]).toEqual([...expected.robust])
    expectClose(actual.bestLoss, expected.bestLoss, 1e-3)
  })
})

it('reads later without holding up the queue', async () => {
  using device = faulty('delay=300')
  let arrived = false
  const first = ones(device)
    .data()
    .finally(() => {
      arrived = true
    })
  const y = ops.relu(ones(device))
  while (device.pending > 0) await new Promise(resolve => setTimeout(resolve, 1))
  expect(arrived).toBe(false)
  expect([...(await first)]).toEqual([1, 1, 1, 1, 1, 1])
  expect([...(await y.data())]).toEqual([1, 1, 1, 1, 1, 1])
})

it('fails what depends on a kernel that fails late, and nothing else', async () => {
  using device = faulty('fail=1')
  const x = ones(device)
  const failed = ops.relu(x)
  const after = ops.relu(x)
  const dependent = ops.add(failed, after)
  for (const lost of [failed, dependent, ops.sum(dependent)]) {
    await expect(lost.data()).rejects.toThrow(new DeviceError('The kernel failed, as was asked.'))
  }
  expect([...(await after.data())]).toEqual([1, 1, 1, 1, 1, 1])
  expect([...(await x.data())]).toEqual([1, 1, 1, 1, 1, 1])
  await device.synchronize()
})

it('stays lost once it is lost, and a new device works', async () => {
  using device = faulty('lose=1')
  const x = ones(device)
  const lost = new DeviceError('The plain device is lost, as was asked; make a new one.')
  await expect(ops.relu(x).data()).rejects.toThrow(lost)
  await expect(x.data()).rejects.toThrow(lost)
  await expect(ones(device).data()).rejects.toThrow(lost)
  await expect(device.synchronize()).rejects.toThrow(lost)
  delete process.env.RST_PLAIN
  using next = new Device()
  expect([...(await ops.relu(ones(next)).data())]).toEqual([1, 1, 1, 1, 1, 1])
})

it('refuses tensors of another device by the names of both', () => {
  expect(() => ops.add(ones(cpu), ones(plain))).toThrow(ShapeError)
  expect(() => ops.add(ones(cpu), ones(plain))).toThrow(/plain:0.*cpu|cpu.*plain:0/)
})
