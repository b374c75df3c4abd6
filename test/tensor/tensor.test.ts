import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { ConfigError, OutOfMemoryError, ShapeError } from '../../src/errors.ts'
import { Device, resolveDevice } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const shapes = [
  [],
  [1],
  [17],
  [5, 3],
  [33, 7],
  [17, 3, 5],
  [1, 1, 1, 1],
  [16, 2, 3, 3],
  [17, 3, 5, 7],
  [33, 2, 1, 9],
]

describe('data', () => {
  it.each(shapes.map(shape => [shape]))('comes back in row-major order, every dtype: %j', async shape => {
    const size = shape.reduce((product, d) => product * d, 1)
    const floats = Float32Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i) * 10 ** (i % 9)))
    const words = Int32Array.from({ length: size }, (_, i) => (i * 2654435761) | 0)
    const bytes = Uint8Array.from({ length: size }, (_, i) => i * 97)
    for (const [elements, dtype] of [
      [floats, 'f32'],
      [words, 'i32'],
      [bytes, 'u8'],
    ] as const) {
      using t = tensor(elements, shape, { dtype })
      expect(t.shape).toEqual(shape)
      expect(t.size).toBe(size)
      expect(t.dtype).toBe(dtype)
      expect(await t.data()).toEqual(elements)
    }
  })

  it('keeps NaN, infinities and the sign of zero', async () => {
    const values = new Float32Array([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0])
    using t = tensor(values, [4, 1, 1, 1])
    expect(await t.data()).toEqual(values)
  })

  it('is read from views, plain arrays and arrays of another type, and copied at once', async () => {
    const backing = new Float32Array([9, 1, 2, 3, 9])
    using view = tensor(backing.subarray(1, 4))
    backing.fill(0)
    expect([...(await view.data())]).toEqual([1, 2, 3])
    using fromInts = tensor(new Uint8Array([7, 8]))
    expect(await fromInts.data()).toEqual(new Float32Array([7, 8]))
    using ints = tensor([3, -4], [2], { dtype: 'i32' })
    expect(await ints.data()).toEqual(new Int32Array([3, -4]))
  })

  it('of a result can be read after its inputs were disposed', async () => {
    const x = tensor(new Float32Array(1 << 16).fill(2))
    const y = ops.scale(x, 3)
    const z = ops.add(y, x)
    x.dispose()
    y.dispose()
    expect((await z.data()).every(v => v === 8)).toBe(true)
    z.dispose()
  })
})

describe('a disposed tensor', () => {
  it('is refused by data() and by ops in a sentence with its shape', async () => {
    const t = tensor([1, 2, 3, 4], [2, 2])
    t.dispose()
    t.dispose()
    expect(t.disposed).toBe(true)
    const sentence =
      /Expected a live tensor but received one of shape \[2, 2\] that was disposed; return it from/
    await expect(t.data()).rejects.toThrow(ShapeError)
    await expect(t.data()).rejects.toThrow(sentence)
    expect(() => ops.relu(t)).toThrow(ShapeError)
    expect(() => ops.add(tensor([1]), t)).toThrow(sentence)
  })

  it('is what `using` leaves behind', () => {
    const kept = (() => {
      using t = tensor([1])
      expect(t.disposed).toBe(false)
      return t
    })()
    expect(kept.disposed).toBe(true)
  })

  it('gives its memory back', async () => {
    const device = new Device({ threads: 1 })
    const t = ops.full([1 << 16], 1, device)
    await device.synchronize()
    expect(device.memory().inUse).toBeGreaterThanOrEqual(4 << 16)
    t.dispose()
    await device.synchronize()
    expect(device.memory().inUse).toBe(0)
  })
})

describe('ops refuse shapes that do not fit, at once and in a sentence', () => {
  const f = (...shape: number[]) => ops.full(shape, 1)
  const cases: [string, () => unknown, RegExp][] = [
    ['element count', () => tensor([1, 2], [3]), /Expected 3 elements for the shape \[3\] but received 2/],
    ['negative dimension', () => tensor([1], [-1]), /\[-1\]/],
    ['rank 5', () => f(1, 2, 3, 4, 5), /at most 4 dimensions but received 5/],
    ['add', () => ops.add(f(1), f(2)), /add expects the shape \[1\] for 'b' but received \[2\]/],
    ['mul', () => ops.mul(f(2, 3), f(3, 2)), /\[2, 3\].*\[3, 2\]/],
    ['channels of conv2d', () => ops.conv2d(f(1, 2, 4, 4), f(1, 3, 3, 3)), /channels.*\[1, 3, 3, 3\]/],
    ['kernel of conv2d', () => ops.conv2d(f(1, 2, 2, 2), f(1, 2, 3, 3)), /kernel of 1 to 2 pixels/],
    ['linear', () => ops.linear(f(2, 3), f(2, 4)), /\[2, 3\] and \[2, 4\]/],
    ['bias', () => ops.linear(f(2, 3), f(4, 3), f(3)), /bias.*\[3\]/],
    ['reshape', () => ops.reshape(f(2, 3), [4, 2]), /6 elements.*\[4, 2\]/],
    ['reshape with two −1', () => ops.reshape(f(2, 3), [-1, -1]), /at most one −1/],
    ['reshape that does not divide', () => ops.reshape(f(2, 3), [4, -1]), /6 elements/],
    ['labels', () => ops.crossEntropy(f(2, 3), tensor([1], [1], { dtype: 'i32' })), /\[2\] for 'labels'/],
    ['pool', () => ops.maxPool2d(f(1, 1, 2, 2), 3), /at most 2 pixels/],
    ['mask', () => ops.maskedWeight(f(2, 2, 3, 3), tensor([1, 1, 1], [3], { dtype: 'u8' })), /'mask'.*\[3\]/],
    ['residual', () => norm({ residual: f(1, 2, 4, 4) }), /residual/],
    ['gamma', () => norm({ gamma: f(3), beta: f(3) }), /gamma/],
  ]
  function norm(options: {
    residual?: ReturnType<typeof f>
    gamma?: ReturnType<typeof f>
    beta?: ReturnType<typeof f>
  }) {
    return ops.batchNorm(f(2, 2, 4, 4), f(2), f(2), { mode: 'train', ...options })
  }

  it.each(cases)('%s', (_, call, sentence) => {
    expect(call).toThrow(ShapeError)
    expect(call).toThrow(sentence)
  })

  it('labels of another dtype', () => {
    const labels = tensor([1, 0]) as never
    expect(() => ops.crossEntropy(f(2, 3), labels)).toThrow(/i32 for 'labels' but received f32/)
  })

  it('options out of range are a ConfigError', () => {
    expect(() => ops.conv2d(f(1, 2, 4, 4), f(1, 2, 3, 3), { stride: 0 })).toThrow(ConfigError)
    expect(() => ops.topkMask(f(3), 4)).toThrow(/'keep' from 1 to the 3 scores but received 4/)
    expect(() => ops.normalize(f(1, 1, 2, 2), [0], [0])).toThrow(/'std' above 0/)
  })

  it('tensors of two devices', () => {
    const other = new Device({ threads: 1 })
    expect(() => ops.add(f(1), ops.full([1], 1, other))).toThrow(/one device/)
  })
})

describe('a label out of range', () => {
  it.each([10, -1])('is named when the result is read, and the device works on: %i', async label => {
    using logits = ops.full([2, 10], 0)
    using labels = tensor([3, label], [2], { dtype: 'i32' })
    for (const result of [ops.crossEntropy(logits, labels), ops.correct(logits, labels)]) {
      await expect(result.data()).rejects.toThrow(ConfigError)
      await expect(result.data()).rejects.toThrow(
        new RegExp(`labels from 0 to 9 but received ${label} for sample 1`),
      )
      result.dispose()
    }
    using sum = ops.sum(logits)
    expect([...(await sum.data())]).toEqual([0])
  })

  it('reaches every result computed from it', async () => {
    using losses = ops.crossEntropy(ops.full([1, 2], 0), tensor([2], [1], { dtype: 'i32' }))
    using mean = ops.mean(losses)
    using twice = ops.add(mean, mean)
    await expect(twice.data()).rejects.toThrow(/received 2 for sample 0/)
  })
})

describe('running out of memory', () => {
  it('names the bytes asked for and free; the device works on', async () => {
    const device = new Device({ threads: 1, memoryLimit: 1 << 20 })
    const small = ops.full([1024], 2, device)
    await device.synchronize()
    const { inUse } = device.memory()
    const large = ops.full([1024, 1024], 1, device)
    await expect(large.data()).rejects.toThrow(OutOfMemoryError)
    await expect(large.data()).rejects.toThrow(
      new RegExp(`Asked for 4194304 bytes but ${(1 << 20) - inUse} bytes are free of the limit of 1048576`),
    )
    using dependent = ops.add(large, large)
    await expect(dependent.data()).rejects.toThrow(OutOfMemoryError)
    large.dispose()
    using twice = ops.scale(small, 2)
    expect((await twice.data()).every(v => v === 4)).toBe(true)
    small.dispose()
  })
})

describe('devices', () => {
  it('refuse options that cannot be', () => {
    for (const threads of [0, -1, 1.5, 5000, Number.NaN]) {
      expect(() => new Device({ threads })).toThrow(
        expect.objectContaining({ name: 'ConfigError', option: 'threads' }),
      )
    }
    for (const memoryLimit of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new Device({ memoryLimit })).toThrow(expect.objectContaining({ option: 'memoryLimit' }))
    }
    const sparse = 'always' as 'auto'
    expect(() => new Device({ sparse })).toThrow(expect.objectContaining({ option: 'sparse' }))
  })

  it('are found by name', () => {
    const device = new Device({ threads: 1 })
    expect(resolveDevice(device)).toBe(device)
    expect(resolveDevice()).toBe(Device.default)
    expect(resolveDevice('cpu', 3).threads).toBe(3)
    expect(() => resolveDevice('gpu' as 'cpu')).toThrow(expect.objectContaining({ option: 'device' }))
    expect(device.description).toMatch(/^CPU, .*1 thread/)
  })

  it('count ops that wait', async () => {
    const device = new Device({ threads: 1 })
    const x = ops.full([1 << 20], 1, device)
    const results = Array.from({ length: 20 }, () => ops.scale(x, 2))
    expect(device.pending).toBeGreaterThan(0)
    await device.synchronize()
    // The task that synchronizes may not have returned yet.
    expect(device.pending).toBeLessThanOrEqual(1)
    for (const t of [x, ...results]) t.dispose()
  })

  it('may be forgotten with their tensors in any order, also while a result is awaited', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage: () => void = runInNewContext('gc')
    for (let round = 0; round < 10; round++) {
      const results = Array.from({ length: 5 }, () => {
        const device = new Device({ threads: 1 })
        const x = ops.full([1 << 12], 3, device)
        const unused = Array.from({ length: 20 }, () => ops.scale(x, 2))
        return unused[0].data()
      })
      collectGarbage()
      await setImmediate()
      collectGarbage()
      for (const values of await Promise.all(results)) expect(values.every(v => v === 6)).toBe(true)
    }
  })
})
