import { describe, expect, it } from 'vitest'
import { ShapeError } from '../../src/errors.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { grad } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

const device = new Device({ threads: 2 })
const values = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => (((i + 1) * 7919 * seed) % 251) / 125 - 1)
const make = (shape: readonly number[], seed: number) =>
  tensor(
    values(
      shape.reduce((n, d) => n * d, 1),
      seed,
    ),
    shape,
    { device },
  )

interface Case {
  n: number
  channels: number
  outputs: number
  groups: number
  kernel: number
  side: number
  stride: number
  padding: number
}
const cases: Case[] = [
  { n: 2, channels: 4, outputs: 6, groups: 2, kernel: 3, side: 5, stride: 1, padding: 1 },
  { n: 17, channels: 6, outputs: 6, groups: 6, kernel: 3, side: 4, stride: 2, padding: 1 },
  { n: 1, channels: 3, outputs: 9, groups: 3, kernel: 1, side: 3, stride: 1, padding: 0 },
  { n: 3, channels: 32, outputs: 32, groups: 2, kernel: 3, side: 4, stride: 1, padding: 1 },
]

/** Σ y ⊙ dy of a grouped convolution and its gradients, in double precision by the definition. */
function reference(c: Case, x: Float32Array, w: Float32Array, dy: (i: number) => number) {
  const [inGroup, outGroup] = [c.channels / c.groups, c.outputs / c.groups]
  const out = Math.floor((c.side + 2 * c.padding - c.kernel) / c.stride) + 1
  const y = new Float64Array(c.n * c.outputs * out * out)
  const [dx, dw] = [new Float64Array(x.length), new Float64Array(w.length)]
  for (let i = 0; i < y.length; i++) {
    const [column, row] = [i % out, Math.floor(i / out) % out]
    const k = Math.floor(i / out / out) % c.outputs
    const image = Math.floor(i / out / out / c.outputs)
    for (let ci = 0; ci < inGroup; ci++) {
      for (let tap = 0; tap < c.kernel ** 2; tap++) {
        const iy = row * c.stride + Math.floor(tap / c.kernel) - c.padding
        const ix = column * c.stride + (tap % c.kernel) - c.padding
        if (iy < 0 || ix < 0 || iy >= c.side || ix >= c.side) continue
        const channel = Math.floor(k / outGroup) * inGroup + ci
        const at = ((image * c.channels + channel) * c.side + iy) * c.side + ix
        const weight = (k * inGroup + ci) * c.kernel ** 2 + tap
        y[i] += x[at] * w[weight]
        dx[at] += dy(i) * w[weight]
        dw[weight] += dy(i) * x[at]
      }
    }
  }
  return { y, dx, dw }
}

const expectClose = async (actual: Tensor, expected: Float64Array) => {
  const found = await actual.data()
  expect(found.length).toBe(expected.length)
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 3)
}

describe('a grouped convolution and its gradients equal the definition:', () => {
  it.each(cases)('$channels channels in $groups groups, stride $stride', async c => {
    using x = make([c.n, c.channels, c.side, c.side], 3)
    using w = make([c.outputs, c.channels / c.groups, c.kernel, c.kernel], 5)
    const { groups, stride, padding } = c
    const options = { groups, stride, padding }
    using y = ops.conv2d(x, w, options)
    using dy = make(y.shape, 11)
    const dyValues = await dy.data()
    const expected = reference(c, await x.data(), await w.data(), i => dyValues[i]!)
    await expectClose(y, expected.y)
    const { value, gradients } = grad(() => ops.sum(ops.mul(ops.conv2d(x, w, options), dy)), [x, w])
    await expectClose(gradients[0]!, expected.dx)
    await expectClose(gradients[1]!, expected.dw)
    // With a batch norm in the same pass: y has the mean 0 and the variance 1 − eps taken off.
    using mean = ops.full([c.outputs], 0, device)
    using variance = ops.full([c.outputs], 1 - 1e-5, device)
    using normalized = ops.convBatchNorm(x, w, mean, variance, options)
    await expectClose(normalized, expected.y)
    for (const t of [value, ...gradients]) t.dispose()
  })
})

it('frees what it makes on the way', async () => {
  const own = new Device({ threads: 1 })
  using x = tensor(values(64, 1), [1, 4, 4, 4], { device: own })
  using w = tensor(values(36, 2), [4, 1, 3, 3], { device: own })
  const pass = () => {
    ops.conv2d(x, w, { groups: 4 }).dispose()
    const { value, gradients } = grad(() => ops.sum(ops.conv2d(x, w, { groups: 4, padding: 1 })), [x, w])
    for (const t of [value, ...gradients]) t.dispose()
  }
  const inUse = async () => {
    await own.synchronize()
    return own.memory().inUse
  }
  // The first pass brings x and w to the layout that the kernels like.
  pass()
  const before = await inUse()
  for (let i = 0; i < 3; i++) pass()
  expect(await inUse()).toBe(before)
})

it('groups that do not fit are a ShapeError', () => {
  using x = make([1, 4, 4, 4], 1)
  using w = make([4, 2, 3, 3], 2)
  expect(() => ops.conv2d(x, w, { groups: 4 })).toThrow(ShapeError)
  expect(() => ops.conv2d(x, w, { groups: 3 })).toThrow('in 3 groups expects x [N, C, H, W]')
  expect(() => ops.conv2d(x, make([3, 2, 3, 3], 2), { groups: 2 })).toThrow(ShapeError)
})
