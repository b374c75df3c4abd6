import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { scope } from '../../src/tensor/scope.ts'
import { upload } from '../../src/tensor/upload.ts'

describe('the event loop', () => {
  it('is not held up by the upload of 150 MB, which takes the elements as they are', async () => {
    using device = new Device({ threads: 1 })
    const bytes = new Uint8Array(150e6).fill(7)
    bytes[149_999_999] = 9
    let turns = 0
    let uploading = true
    const turning = (async () => {
      for (; uploading; turns++) await setImmediate()
    })()
    using x = await upload(bytes, [bytes.length], { dtype: 'u8', device })
    uploading = false
    await turning
    expect(x.shape).toEqual([bytes.length])
    expect(Buffer.compare(await x.data(), bytes)).toBe(0)
    // One for each slice of 2 MiB: no time is measured, since the machine may have other work.
    expect(turns).toBeGreaterThan(60)
  })

  it('is not held up by ops that wait, however many', async () => {
    using device = new Device({ threads: 1 })
    using slow = ops.full([1 << 22], 1, device)
    using x = ops.full([1], 1, device)
    const times: number[] = []
    scope(() => {
      for (let i = 0; i < 1000; i++) ops.scale(slow, 2)
    })
    for (let i = 0; i < 200; i++) {
      const start = performance.now()
      scope(() => {
        for (let k = 0; k < 100; k++) ops.scale(x, 2)
      })
      times.push(performance.now() - start)
      await setImmediate()
    }
    expect(device.pending).toBeGreaterThan(16_384)
    // Of those that found more than 16,384 waiting.
    const late = times.slice(-30).sort((a, b) => a - b)
    expect(late[15]).toBeLessThan(20)
  })
})
