import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { scope } from '../../src/tensor/scope.ts'
import { upload } from '../../src/tensor/upload.ts'
import { longest, watched } from './main-thread.ts'

describe('the event loop', () => {
  it('is held up for less than 10 ms by the upload of 150 MB, and by reading them', async () => {
    using device = new Device({ threads: 1 })
    const bytes = new Uint8Array(150e6).fill(7)
    bytes[149_999_999] = 9
    const [x, turns] = await watched(() => upload(bytes, [bytes.length], { dtype: 'u8', device }))
    expect(x.shape).toEqual([bytes.length])
    expect(turns.length).toBeGreaterThan(500)
    expect(longest(turns)).toBeLessThan(10)
    const [back, waiting] = await watched(() => x.data())
    expect(longest(waiting)).toBeLessThan(10)
    expect(Buffer.compare(back, bytes)).toBe(0)
    x.dispose()
  })

  it.each([
    ['floats', new Float32Array(4e6).fill(3)],
    ['numbers', Array.from({ length: 2e6 }, (_, i) => i % 200)],
  ])('is held up for less than 10 ms where the elements are to be converted: %s', async (_, elements) => {
    using device = new Device({ threads: 1 })
    const [x, turns] = await watched(() => upload(elements, [elements.length], { dtype: 'u8', device }))
    expect(longest(turns)).toBeLessThan(10)
    expect((await x.data())[199]).toBe(elements[199])
    elements[elements.length - 1] = 256
    await expect(upload(elements, [elements.length], { dtype: 'u8', device })).rejects.toThrow(
      `Expected numbers that u8 can hold for elements but received 256 at ${elements.length - 1}.`,
    )
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
