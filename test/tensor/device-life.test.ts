import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DeviceError, OutOfMemoryError } from '../../src/errors.ts'
import { Device, resolveDevice } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'

/** Threads of this process; undefined where the system does not list them. */
function threads(): number | undefined {
  try {
    return readdirSync('/proc/self/task').length
  } catch {
    return undefined
  }
}

describe('a disposed device', () => {
  it('has joined its threads and is refused with its tensors, whatever is done with them', async () => {
    const before = threads()
    const device = new Device({ threads: 3 })
    // Three of the pool less the worker, which takes part, and the worker.
    if (before !== undefined) expect(threads()).toBe(before + 3)
    const x = tensor([1, 2], [2], { device })
    device.dispose()
    device.dispose()
    expect(threads()).toBe(before)
    expect(device.disposed).toBe(true)
    expect(x.disposed).toBe(true)
    for (const use of [
      () => device.description,
      () => device.memory(),
      () => device.pending,
      () => device.clearCache(),
      () => device.resetPeak(),
      () => device.facts,
      () => ops.relu(x),
      () => ops.full([2], 1, device),
      () => tensor([1], [1], { device }),
    ]) {
      expect(use).toThrow(DeviceError)
      expect(use).toThrow(/disposed/)
    }
    await expect(device.synchronize()).rejects.toThrow(DeviceError)
    await expect(x.data()).rejects.toThrow(/the device of this one, of shape \[2\], was disposed/)
    x.dispose()
    expect(x.disposed).toBe(true)
  })

  it('rejects what is still awaited of it', async () => {
    const device = new Device({ threads: 1 })
    let x = ops.full([1 << 20], 1, device)
    for (let i = 0; i < 50; i++) x = ops.scale(x, 1)
    const [data, done] = [x.data(), device.synchronize()]
    device.dispose()
    const results = await Promise.allSettled([data, done])
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_RST_DEVICE' } })
    }
  })

  it('is what `using` leaves behind', () => {
    const kept = (() => {
      using device = new Device({ threads: 1 })
      return device
    })()
    expect(kept.disposed).toBe(true)
  })
})

describe('devices by name', () => {
  it('are one for each number of threads, and a disposed one is replaced', () => {
    const before = threads()
    const device = resolveDevice('cpu', 5)
    for (let i = 0; i < 10; i++) expect(resolveDevice(i % 2 ? 'cpu' : 'auto', 5)).toBe(device)
    if (before !== undefined) expect(threads()).toBe(before + 5)
    device.dispose()
    expect(threads()).toBe(before)
    const next = resolveDevice('cpu', 5)
    expect(next).not.toBe(device)
    expect(next.disposed).toBe(false)
    next.dispose()
  })
})

describe('memory of a device', () => {
  it('that is cached goes back to the system on wish, and the peak can be counted anew', async () => {
    using device = new Device({ threads: 1 })
    ops.full([1 << 20], 1, device).dispose()
    await device.synchronize()
    const { cached, peak } = device.memory()
    expect(cached).toBeGreaterThanOrEqual(4 << 20)
    expect(peak).toBeGreaterThanOrEqual(4 << 20)
    device.clearCache()
    device.resetPeak()
    expect(device.memory()).toMatchObject({ cached: 0, inUse: 0, peak: 0 })
  })

  it.each([
    [2 ** 15, 2 ** 15, 8],
    [2 ** 20, 2 ** 20],
    [2 ** 31, 512],
  ])('that JavaScript cannot hold is an OutOfMemoryError: %j', async (...shape) => {
    using device = new Device({ threads: 1, memoryLimit: 1 << 20 })
    using x = ops.full(shape, 1, device)
    await expect(x.data()).rejects.toThrow(OutOfMemoryError)
    using small = ops.full([2], 1, device)
    expect([...(await small.data())]).toEqual([1, 1])
  })
})
