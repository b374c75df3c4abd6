// What device.record keeps and what a replay does.
import { describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { assign } from '../../src/tensor/ops/optim.ts'
import { outsideScopes, scope } from '../../src/tensor/scope.ts'
import { grad } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { upload } from '../../src/tensor/upload.ts'

const device = new Device({ threads: 1 })
const of = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  tensor(values, shape, { device })
const elements = async (t: Tensor) => [...(await t.data())]

describe('a replay', () => {
  it('gives what the body gives on other inputs, and leaves the first results as they were', async () => {
    const bias = of([10, 20])
    const step = device.record((x: Tensor, y: Tensor) => ops.add(ops.mul(x, y), bias), of([1, 2]), of([3, 4]))
    const again = step.replay(of([5, 6]), of([7, 8]))
    expect(await elements(again)).toEqual([45, 68])
    expect(await elements(step.value)).toEqual([13, 28])
  })

  it('returns the structure that the body returned', async () => {
    const step = device.record(
      (x: Tensor) => ({ pair: [ops.scale(x, 2), ops.scale(x, 3)], none: null, same: undefined }),
      of([1]),
    )
    const { pair, none, same } = step.replay(of([5]))
    expect([await elements(pair[0]), await elements(pair[1]), none, same]).toEqual([
      [10],
      [15],
      null,
      undefined,
    ])
  })

  it('differentiates where the body does, to the same bits', async () => {
    const weight = ops.randomWeight(
      [4, 3, 3, 3],
      { init: 'normal', scale: 0.3, seed: 1, purpose: 'weight', layer: 0 },
      device,
    )
    const gradientAt = (x: Tensor) =>
      grad(() => ops.relu(ops.conv2d(x, weight, { padding: 1 })), [x]).gradients[0]!
    const images = [0, 1, 2].map(seed =>
      ops.uniformNoise(tensor([0, 1, 2], [3], { dtype: 'i32', device }), [3, 3, 8, 8], {
        low: 0,
        high: 1,
        seed,
        step: 0,
      }),
    )
    const step = device.record(gradientAt, images[0]!)
    for (const x of images) {
      expect(await elements(step.replay(x))).toEqual(await elements(scope(() => gradientAt(x))))
    }
  })

  it('changes in place what the body changes in place', async () => {
    const total = of([0])
    const step = device.record(
      (x: Tensor) => {
        assign(total, ops.add(total, x))
      },
      of([1]),
    )
    step.replay(of([10]))
    step.replay(of([100]))
    expect(await elements(total)).toEqual([111])
  })

  it('reads what the tensors that it keeps hold at the time', async () => {
    const bias = of([1])
    const step = device.record((x: Tensor) => ops.add(x, bias), of([0]))
    assign(bias, of([7]))
    expect(await elements(step.replay(of([1])))).toEqual([8])
  })

  it('belongs to the scope that it is made in', () => {
    const step = device.record((x: Tensor) => ops.scale(x, 2), of([1]))
    let inner: Tensor | undefined
    scope(() => {
      inner = step.replay(of([1]))
    })
    expect(inner!.disposed).toBe(true)
  })

  it('counts as so many ops that wait', async () => {
    const step = device.record((x: Tensor) => ops.scale(ops.scale(x, 2), 2), of([1]))
    expect(step.calls).toBe(2)
    await device.synchronize()
    const large = ops.full([64, 64, 32, 32], 1, device)
    for (let i = 0; i < 8; i++) ops.relu(large).dispose()
    step.replay(of([1]))
    expect(device.pending).toBeGreaterThanOrEqual(3)
  })

  it('takes an attribute that is set', async () => {
    const parameter = of([1])
    const velocity = of([0])
    const step = device.record(
      (gradient: Tensor) =>
        ops.sgdStep(parameter, gradient, velocity, { lr: 0.5, momentum: 0, weightDecay: 0 }),
      of([1]),
    )
    expect(await elements(parameter)).toEqual([0.5])
    step.set('sgd_step', { lr: 0.25 })
    step.replay(of([1]))
    step.replay(of([1]))
    // What waits already is not changed by what is set later.
    step.set('sgd_step', { lr: 0 })
    expect(await elements(parameter)).toEqual([0])
    step.replay(of([1]))
    expect(await elements(parameter)).toEqual([0])
  })

  it('still runs where the recording is disposed right after', async () => {
    const step = device.record((x: Tensor) => ops.scale(ops.scale(x, 2), 2), of([1]))
    const result = step.replay(of([3]))
    step.dispose()
    expect(await elements(result)).toEqual([12])
  })
})

describe('failures', () => {
  it('of a replay reach its results, and the recording stays usable', async () => {
    const labels = (...values: number[]) => tensor(values, [values.length], { dtype: 'i32', device })
    const logits = of([1, 2, 3, 4], [2, 2])
    const step = device.record(
      (theirs: Tensor<'i32'>) => ops.scale(ops.crossEntropy(logits, theirs), 2),
      labels(0, 1),
    )
    const right = await elements(step.value)
    await expect(step.replay(labels(0, 9)).data()).rejects.toThrow(/label/)
    expect(await elements(step.replay(labels(0, 1)))).toEqual(right)
  })

  it('for want of memory leave the recording usable', async () => {
    const small = new Device({ threads: 1, memoryLimit: 4 << 20 })
    const images = ops.full([16, 4, 64, 32], 1, small)
    const step = small.record((x: Tensor) => ops.relu(ops.relu(x)), images)
    step.value.dispose()
    await small.synchronize()
    const held = [1, 2, 3, 4, 5, 6].map(value => ops.full([16, 4, 64, 32], value, small))
    using failed = step.replay(images)
    await expect(failed.data()).rejects.toThrow(/Asked for/)
    for (const one of held) one.dispose()
    expect((await step.replay(images).data())[0]).toBe(1)
    small.dispose()
  })
})

describe('memory', () => {
  it('of a replay is that of the body: what no later call reads is given back', async () => {
    const small = new Device({ threads: 1 })
    const images = ops.full([16, 8, 64, 64], 1, small)
    const body = (x: Tensor) => {
      let y = x
      for (let i = 0; i < 6; i++) {
        const next = ops.relu(y)
        if (y !== x) y.dispose()
        y = next
      }
      return ops.sum(y)
    }
    scope(() => void body(images))
    await small.synchronize()
    const before = small.memory().inUse
    small.resetPeak()
    scope(() => void body(images))
    await small.synchronize()
    const eager = small.memory().peak
    const step = small.record(body, images)
    step.value.dispose()
    await small.synchronize()
    expect(small.memory().inUse).toBe(before)
    small.resetPeak()
    for (let i = 0; i < 3; i++) step.replay(images).dispose()
    await small.synchronize()
    expect(small.memory().inUse).toBe(before)
    expect(small.memory().peak).toBeLessThanOrEqual(eager)
    small.dispose()
  })
})

describe('a recording refuses', () => {
  const x = of([1, 2])

  it.each<[string, () => unknown, RegExp]>([
    ['a body that is none', () => device.record(7 as never, x), /body/],
    [
      'an async body',
      () => device.record(async (a: Tensor) => a, x),
      /record\(\) expects a body that is done/,
    ],
    ['inputs that are no tensors', () => device.record((_: unknown) => null, 'x'), /tensor for input 1/],
    [
      'one input twice',
      () => device.record((a: Tensor, b: Tensor) => ops.add(a, b), x, x),
      /different tensor/,
    ],
    [
      'an upload',
      () => device.record((a: Tensor) => ops.add(a, of([1, 2])), x),
      /cannot bring data to the device/,
    ],
    ['a body that returns numbers', () => device.record(() => ({ loss: 3 })), /a replay could not compute/],
    ['a body that returns its input', () => device.record((a: Tensor) => a, x), /was there before/],
    [
      'another recording',
      () => device.record(() => void device.record(() => null)),
      /cannot make another recording/,
    ],
    [
      'grad() around it',
      () => grad(() => device.record((a: Tensor) => ops.sum(a), x).value, [x]),
      /cannot stand inside grad/,
    ],
  ])('%s', (_, body, message) => {
    expect(body).toThrow(message)
    // The device records again.
    expect(device.record((a: Tensor) => ops.scale(a, 2), x).calls).toBe(1)
  })

  it('a tensor that stays outside every scope', () => {
    let kept: Tensor | undefined
    const leaking = (a: Tensor) => {
      kept = outsideScopes(() => ops.scale(a, 2))
      return ops.add(a, kept)
    }
    expect(() => device.record(leaking, x)).toThrow(/stays outside/)
    expect(kept!.disposed).toBe(false)
  })

  it('to read in a body', async () => {
    let read: Promise<unknown> | undefined
    device.record((a: Tensor) => {
      read = a.data().catch((error: Error) => error.message)
      return ops.scale(a, 2)
    }, x)
    expect(await read).toMatch(/cannot read a tensor/)
  })

  it('to upload in slices in a body', async () => {
    let failure: Promise<unknown> | undefined
    device.record((a: Tensor) => {
      failure = upload([1, 2], [2], { device }).catch((error: Error) => error.message)
      return ops.scale(a, 2)
    }, x)
    expect(await failure).toMatch(/cannot bring data to the device/)
  })

  it('tensors of another device', () => {
    const other = new Device({ threads: 1 })
    const theirs = ops.full([2], 1, other)
    expect(() => device.record(() => ops.scale(theirs, 2))).toThrow(/another one/)
    const making = (a: Tensor) => {
      ops.full([2], 1, other)
      return ops.scale(a, 2)
    }
    expect(() => device.record(making, x)).toThrow(/another one/)
    expect(() => device.record((a: Tensor) => ops.scale(a, 2), theirs)).toThrow(/device/)
    other.dispose()
  })

  it('replays on other shapes, types and counts', () => {
    const step = device.record((a: Tensor) => ops.scale(a, 2), x)
    expect(() => step.replay(of([1, 2, 3]))).toThrow(/Expected \[2\] of f32 for input 1/)
    expect(() => step.replay(tensor([1, 2], [2], { dtype: 'i32', device }) as never)).toThrow(/f32/)
    expect(() => (step.replay as () => unknown)()).toThrow(/Expected 1 inputs/)
    expect(() => step.replay(null as never)).toThrow(/tensor for input 1/)
  })

  it('a replay once it, a tensor that it reads, or its device was disposed', () => {
    const bias = of([1, 1])
    const step = device.record((a: Tensor) => ops.add(a, bias), x)
    expect(step.usable).toBe(true)
    bias.dispose()
    expect(step.usable).toBe(false)
    expect(() => step.replay(x)).toThrow(/was disposed since/)
    step.dispose()
    step.dispose()
    expect(() => step.replay(x)).toThrow(/live recording/)
    const other = new Device({ threads: 1 })
    const theirs = ops.full([2], 1, other)
    const gone = other.record((a: Tensor) => ops.scale(a, 2), theirs)
    other.dispose()
    expect(gone.usable).toBe(false)
    expect(() => gone.replay(theirs)).toThrow(/disposed/)
    gone.dispose()
  })

  it('to be replayed inside another recording or grad()', () => {
    const step = device.record((a: Tensor) => ops.scale(a, 2), x)
    expect(() => device.record((a: Tensor) => step.replay(a), x)).toThrow(/cannot replay another recording/)
    expect(() => grad(() => ops.sum(step.replay(x)), [x])).toThrow(/cannot be differentiated/)
  })

  it('attributes that it cannot set', () => {
    const step = device.record((a: Tensor) => ops.scale(ops.scale(a, 2), 3), x)
    expect(() => step.set('scale', { factor: 5 })).toThrow(/several values/)
    expect(() => step.set('clip', { low: 0 })).toThrow(/no call of clip/)
    expect(() => step.set('scale', { size: 1 })).toThrow(/no attribute/)
    expect(() => step.set('scal', { factor: 1 })).toThrow(/no op named/)
    const one = device.record((a: Tensor) => ops.reshape(a, [1, 2]), x)
    expect(() => one.set('reshape', { shape: [2, 1] })).toThrow(/other outputs/)
    expect(() => one.set('reshape', { shape: [3] })).toThrow(/reshape expects/)
    expect(() => one.set('reshape', null as never)).toThrow(/as an object/)
  })
})
