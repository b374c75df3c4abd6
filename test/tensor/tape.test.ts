// How the tape wires gradients together, and what it frees.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { addon } from '../../src/native/addon.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { recordMaskedWeight } from '../../src/tensor/ops/mask.ts'
import { scope } from '../../src/tensor/scope.ts'
import { grad, release, vjp } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { expectGradients, uniform } from './numeric-gradient.ts'

const values = async (t: Tensor) => [...(await t.data())]

describe('gradients add up', () => {
  it('where a tensor is used by several ops', async () => {
    const x = tensor([1, -2, 3])
    const { gradients } = grad(
      () => ops.add(ops.add(ops.mul(x, x), ops.scale(x, 5)), ops.mul(ops.mul(x, x), x)),
      [x],
    )
    expect(await values(gradients[0])).toEqual([1, -2, 3].map(v => 2 * v + 5 + 3 * v * v))
  })

  it('where one op takes a tensor twice', async () => {
    const x = tensor([3, -4])
    const of = async (f: () => Tensor) => values(grad(f, [x]).gradients[0])
    expect(await of(() => ops.add(x, x))).toEqual([2, 2])
    expect(await of(() => ops.sub(x, x))).toEqual([0, 0])
    expect(await of(() => ops.mul(x, x))).toEqual([6, -8])
  })

  it('where an addition hands one gradient to both its inputs and one of them gets more', async () => {
    // The gradient of the sum is shared by a and b; a's grows, b's must not, whichever comes first.
    for (const swap of [false, true]) {
      const [a, b] = [tensor([1]), tensor([2])]
      const { gradients } = grad(() => {
        const tripled = ops.scale(a, 3)
        const sum = swap ? ops.add(b, a) : ops.add(a, b)
        return ops.add(tripled, sum)
      }, [a, b])
      expect(await values(gradients[0])).toEqual([4])
      expect(await values(gradients[1])).toEqual([1])
    }
  })

  it('through a residual network with shared gradients', async () => {
    const inputs = [uniform([3, 2, 4, 4], 1), uniform([2, 2, 3, 3], 2), uniform([2, 2, 3, 3], 3)]
    await expectGradients(
      (x, w1, w2) => {
        const a = ops.add(ops.conv2d(x, w1, { padding: 1 }), x)
        const b = ops.add(a, ops.conv2d(a, w2, { padding: 1 }))
        return ops.add(ops.add(b, ops.copy(a)), ops.reshape(x, x.shape))
      },
      inputs,
      { step: 0.05, error: 1e-4 },
    )
  })

  it('where one masked weight serves two layers of a pass', async () => {
    const scores = tensor([0.9, -0.8, 0.1, 0.7], [2, 2, 1, 1])
    const weight = tensor([1, 2, 3, 4], [2, 2, 1, 1])
    const mask = ops.topkMask(scores, 3)
    const effective = ops.maskedWeight(weight, mask)
    const x = tensor([1, 10], [1, 2, 1, 1])
    const layer = (input: Tensor) => {
      recordMaskedWeight(effective, weight, mask, scores)
      return ops.conv2d(input, effective)
    }
    const { gradients } = grad(() => ops.sum(layer(layer(x))), [scores])
    // effective W = [[1, 2], [0, 4]], h = W x = [21, 40]; loss 1ᵀ W h:
    // dW = 1 hᵀ + (Wᵀ1) xᵀ = [[21, 40], [21, 40]] + [[1, 10], [6, 60]]; times W and the sign of the score.
    expect(await values(gradients[0])).toEqual([22 * 1, -50 * 2, 27 * 3, 100 * 4])
    expect(effective.disposed).toBe(false)
  })
})

describe('what can be asked for', () => {
  it('a tensor that the loss does not depend on: zeros of its shape', async () => {
    const [x, y] = [tensor([1, 2]), ops.full([2, 3], 7)]
    const { gradients } = grad(() => ops.sum(x), [y, x])
    expect(gradients[0].shape).toEqual([2, 3])
    expect(await values(gradients[0])).toEqual([0, 0, 0, 0, 0, 0])
    expect(await values(gradients[1])).toEqual([1, 1])
  })

  it('a tensor that only a not-differentiable op uses: zeros', async () => {
    const x = tensor([0.5, 2])
    expect(await values(grad(() => ops.clip(x, 0, 1), [x]).gradients[0])).toEqual([0, 0])
  })

  it('an intermediate that the forward pass was given', async () => {
    const x = tensor([1, 2])
    const h = ops.scale(x, 3)
    const { gradients } = grad(() => ops.sum(ops.mul(h, h)), [h, x])
    expect(await values(gradients[0])).toEqual([6, 12])
    // h was made before the tape began, so the path to x is not on it.
    expect(await values(gradients[1])).toEqual([0, 0])
  })

  it('the same tensor twice', async () => {
    const x = tensor([1, 2])
    const { gradients } = grad(() => ops.scale(x, 3), [x, x])
    expect(await values(gradients[0])).toEqual([3, 3])
    expect(await values(gradients[1])).toEqual([3, 3])
  })

  it('a loss of one value a sample, which counts as their sum', async () => {
    const logits = tensor([1, 2, 3, 0, 0, 0], [2, 3])
    const labels = tensor([0, 1], [2], { dtype: 'i32' })
    const perSample = grad(() => ops.crossEntropy(logits, labels), [logits])
    const summed = grad(() => ops.sum(ops.crossEntropy(logits, labels)), [logits])
    expect(perSample.value.shape).toEqual([2])
    expect(await values(perSample.gradients[0])).toEqual(await values(summed.gradients[0]))
  })

  it('not a loss of integers', () => {
    const x = tensor([1, 2], [1, 2])
    expect(() => grad(() => ops.argmax(x) as unknown as Tensor, [x])).toThrow(/loss of f32 but received i32/)
  })
})

describe('only what is asked for is computed', () => {
  afterEach(() => vi.restoreAllMocks())

  /** Names of the native ops that `body` runs. */
  function opsOf(body: () => void): string[] {
    const spy = vi.spyOn(addon(), 'run')
    body()
    const names = spy.mock.calls.map(([, name]) => name)
    spy.mockRestore()
    return names
  }

  const x = ops.full([2, 2, 5, 5], 1)
  const [w1, w2] = [ops.full([2, 2, 3, 3], 0.1), ops.full([2, 2, 3, 3], 0.2)]
  const loss = () => ops.sum(ops.conv2d(ops.relu(ops.conv2d(x, w1)), w2))

  it('the input: no weight gradient', () => {
    const names = opsOf(() => grad(loss, [x]))
    expect(names.filter(n => n === 'conv2d_input_grad')).toHaveLength(2)
    expect(names).not.toContain('conv2d_weight_grad')
  })

  it('the weights: no input gradient of the first layer', () => {
    const names = opsOf(() => grad(loss, [w1, w2]))
    expect(names.filter(n => n === 'conv2d_weight_grad')).toHaveLength(2)
    expect(names.filter(n => n === 'conv2d_input_grad')).toHaveLength(1)
  })

  it('the last weight: the backward pass stops there', () => {
    const names = opsOf(() => grad(loss, [w2]))
    expect(names.filter(n => n.endsWith('_grad'))).toEqual(['conv2d_weight_grad'])
  })

  it('scores: no gradient of the masked weight itself', () => {
    const scores = uniform([2, 2, 3, 3], 5)
    const s = tensor(scores.values, scores.shape)
    const mask = ops.topkMask(s, 9)
    const effective = ops.maskedWeight(w1, mask)
    const masked = () => {
      recordMaskedWeight(effective, w1, mask, s)
      return ops.sum(ops.conv2d(x, effective))
    }
    const backward = (names: string[]) => names.slice(names.indexOf('sum') + 1)
    expect(backward(opsOf(() => grad(masked, [s])))).toEqual([
      'fill',
      'broadcast',
      'conv2d_weight_grad',
      'score_grad',
    ])
    expect(opsOf(() => grad(masked, [x]))).not.toContain('conv2d_weight_grad')
  })

  it('a branch that the loss does not use: nothing', () => {
    const names = opsOf(() =>
      grad(() => {
        ops.conv2d(x, w2)
        return ops.sum(x)
      }, [x]),
    )
    expect(names).not.toContain('conv2d_input_grad')
  })
})

describe('memory', () => {
  it('keeps what is returned, frees the rest', async () => {
    const device = new Device({ threads: 1 })
    const x = ops.full([4, 8], 1, device)
    await device.synchronize()
    const before = device.memory().inUse
    const intermediates: Tensor[] = []
    const { value, gradients } = grad(() => {
      const h = ops.scale(x, 2)
      const untracked = ops.full([4, 8], 1, device)
      const logits = ops.mul(h, untracked)
      intermediates.push(h, untracked)
      return { loss: ops.sum(logits), logits, mean: ops.mean(logits) }
    }, [x])
    expect(intermediates.every(t => t.disposed)).toBe(true)
    expect(await values(value.logits)).toEqual(new Array(32).fill(2))
    expect(await values(value.loss)).toEqual([64])
    expect(await values(value.mean)).toEqual([2])
    for (const t of [...Object.values(value), ...gradients]) t.dispose()
    await device.synchronize()
    expect(device.memory().inUse).toBe(before)
  })

  it('is given back during the backward pass, so that gradients take no second set of activations', async () => {
    const device = new Device({ threads: 1 })
    const layers = 500
    const bytes = 64 << 10
    const x = ops.full([16 << 10], 1, device)
    const { value, gradients } = grad(() => {
      let h = x
      for (let i = 0; i < layers; i++) h = ops.relu(h)
      return ops.sum(h)
    }, [x])
    await device.synchronize()
    expect(device.memory().peak).toBeGreaterThan(0.9 * layers * bytes)
    expect(device.memory().peak).toBeLessThan(1.05 * layers * bytes)
    for (const t of [x, value, ...gradients]) t.dispose()
  })

  it('of a forward pass without a tape stays at two layers when layers release', async () => {
    const device = new Device({ threads: 1 })
    let h = ops.full([1 << 18], 1, device)
    for (let i = 0; i < 20; i++) {
      const next = ops.relu(h)
      release(h)
      h = next
    }
    await device.synchronize()
    expect(device.memory().peak).toBeLessThan(3 * (1 << 20))
    h.dispose()
  })

  it('is given back when the forward pass throws, and the next pass is not affected', async () => {
    const device = new Device({ threads: 1 })
    const x = ops.full([1024], 1, device)
    await device.synchronize()
    const before = device.memory().inUse
    expect(() =>
      grad(() => {
        ops.add(ops.relu(x), ops.full([1], 1, device))
        return x
      }, [x]),
    ).toThrow(/add expects/)
    await device.synchronize()
    expect(device.memory().inUse).toBe(before)
    const released = ops.relu(x)
    release(released)
    expect(released.disposed).toBe(true)
    const { gradients } = grad(() => ops.sum(x), [x])
    expect((await values(gradients[0])).every(v => v === 1)).toBe(true)
  })

  it('of tensors made before the pass is left alone', () => {
    const [x, w] = [tensor([1]), tensor([2])]
    const { value, gradients } = grad(() => ops.mul(x, w), [x])
    expect([x, w, value, ...gradients].some(t => t.disposed)).toBe(false)
  })
})

it('a pass inside a pass has a tape of its own', async () => {
  const x = tensor([2])
  const { gradients } = grad(() => {
    const inner = grad(() => ops.mul(x, x), [x]).gradients[0]
    // The inner gradient is a constant to the outer pass.
    return ops.mul(ops.mul(x, x), inner)
  }, [x])
  expect(await values(gradients[0])).toEqual([2 * 2 * 4])
})

describe('a loss decided after the forward pass', () => {
  it('gives the gradients that grad gives, and frees the rest', async () => {
    const device = new Device({ threads: 1 })
    const x = tensor(uniform([3, 2, 5, 5], 1).values, [3, 2, 5, 5], { device })
    const w = tensor(uniform([4, 2, 3, 3], 2).values, [4, 2, 3, 3], { device })
    const c = tensor(uniform([3, 4, 3, 3], 3).values, [3, 4, 3, 3], { device })
    const forward = () => ops.relu(ops.conv2d(x, w))
    const expected = grad(() => ops.sum(ops.mul(forward(), c)), [x, w])
    const round = async () => {
      const { value, pull } = vjp(forward, [x, w])
      const result = await values(value)
      const gradients = pull(ops.copy(c))
      expect(value.disposed).toBe(true)
      for (const [i, gradient] of gradients.entries()) {
        expect(await values(gradient)).toEqual(await values(expected.gradients[i]))
        gradient.dispose()
      }
      await device.synchronize()
      return result
    }
    using y = scope(forward)
    expect(await round()).toEqual(await values(y))
    await device.synchronize()
    const after = device.memory().inUse
    await round()
    expect(device.memory().inUse).toBe(after)
  })

  it('frees everything when it is dropped', async () => {
    const device = new Device({ threads: 1 })
    const x = ops.full([64, 64], 1, device)
    await device.synchronize()
    const before = device.memory().inUse
    const { value, dispose } = vjp(() => ops.relu(ops.scale(x, 2)), [x])
    dispose()
    expect(value.disposed).toBe(true)
    await device.synchronize()
    expect(device.memory().inUse).toBe(before)
  })
})
