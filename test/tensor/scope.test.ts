import { describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { outsideScopes, scope } from '../../src/tensor/scope.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

describe('scope', () => {
  it('disposes all but the returned tensor', async () => {
    const made: Tensor[] = []
    const outside = tensor([1, 2])
    const result = scope(() => {
      const a = ops.scale(outside, 2)
      const b = ops.add(a, outside)
      made.push(a, b)
      return ops.scale(b, 10)
    })
    expect(made.every(t => t.disposed)).toBe(true)
    expect(outside.disposed).toBe(false)
    expect([...(await result.data())]).toEqual([30, 60])
    result.dispose()
  })

  it('keeps tensors inside returned arrays and plain objects', () => {
    const { pair, other, lost } = scope(() => {
      const lost = tensor([0])
      return {
        pair: [tensor([1]), tensor([2])],
        other: { deep: tensor([3]) },
        lost: () => lost.disposed,
      }
    })
    expect([...pair, other.deep].map(t => t.disposed)).toEqual([false, false, false])
    expect(lost()).toBe(true)
  })

  it('hands what it returns to the scope around it', () => {
    let inner: Tensor | undefined
    let sibling: Tensor | undefined
    const kept = scope(() => {
      inner = scope(() => tensor([1]))
      expect(inner.disposed).toBe(false)
      sibling = scope(() => ops.scale(inner!, 2))
      return sibling
    })
    expect(inner!.disposed).toBe(true)
    expect(kept.disposed).toBe(false)
    kept.dispose()
  })

  it('disposes everything when the body throws, and the scope around it goes on', () => {
    let lost: Tensor | undefined
    let before: Tensor | undefined
    const after = scope(() => {
      before = tensor([1])
      expect(() =>
        scope(() => {
          lost = tensor([2])
          throw new Error('stop')
        }),
      ).toThrow('stop')
      expect(lost!.disposed).toBe(true)
      expect(before.disposed).toBe(false)
      return tensor([3])
    })
    expect(before!.disposed).toBe(true)
    expect(after.disposed).toBe(false)
    after.dispose()
  })

  it('does not touch what is made outsideScopes, even when that throws', () => {
    let kept: Tensor | undefined
    let owned: Tensor | undefined
    scope(() => {
      kept = outsideScopes(() => tensor([1]))
      expect(() =>
        outsideScopes(() => {
          throw new Error('stop')
        }),
      ).toThrow('stop')
      owned = tensor([2])
    })
    expect(kept!.disposed).toBe(false)
    expect(owned!.disposed).toBe(true)
    kept!.dispose()
  })

  it('leaves no memory in use', async () => {
    const device = new Device({ threads: 1 })
    scope(() => {
      let x = ops.full([1 << 14], 1, device)
      for (let i = 0; i < 10; i++) x = ops.scale(x, 2)
    })
    await device.synchronize()
    expect(device.memory().inUse).toBe(0)
  })
})
