// The attacks as a training run uses them, batch after batch.
import { describe, expect, it } from 'vitest'
import type { InnerAttack, InnerAttackBatch } from '../../src/attacks/frame/inner-attack.ts'
import { fgsm, fgsmRs, free, pgd } from '../../src/attacks/index.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { linearClassifier } from './linear-classifier.ts'

const w = [1, -2, 0.5, 0]
const model = linearClassifier(w, 0.35)

function batchOf(
  rows: readonly (readonly number[])[],
  { ids = rows.map((_, i) => i), seed = 0, epoch = 0 } = {},
): InnerAttackBatch {
  return {
    images: tensor(rows.flat(), [rows.length, 1, 1, 4]),
    labels: tensor(new Array(rows.length).fill(0), [rows.length], { dtype: 'i32' }),
    sampleIds: tensor(ids, [rows.length], { dtype: 'i32' }),
    seed,
    epoch,
  }
}

const grey = [0.5, 0.5, 0.5, 0.5]
const values = async (attack: InnerAttack, batch: InnerAttackBatch) => {
  using x = await attack.session().adversarial(model, batch)
  return [...(await x.data())]
}

describe('fgsm', () => {
  it('steps from the image itself, 1.25·eps clipped to eps', async () => {
    const found = await values(fgsm({ eps: 0.08 }), batchOf([grey]))
    expect(found).toEqual([0.42, 0.58, 0.42, 0.5].map(v => expect.closeTo(v, 6)))
  })

  it('leaves the images of the batch alone', async () => {
    const batch = batchOf([grey])
    await values(fgsm({ eps: 0.08 }), batch)
    expect([...(await batch.images.data())]).toEqual(grey)
  })
})

describe.each([
  ['fgsm-rs', fgsmRs({ eps: 0.08, stepSize: 0 })],
  ['pgd', pgd({ eps: 0.08, stepSize: 0, steps: 2 })],
])('the random start of %s', (_, start) => {
  it('is a function of seed, epoch and image number alone', async () => {
    const row = (all: number[], n: number) => all.slice(4 * n, 4 * n + 4)
    const together = await values(start, batchOf([grey, grey, grey], { ids: [7, 8, 9] }))
    const alone = await values(start, batchOf([grey], { ids: [8] }))
    expect(row(together, 1)).toEqual(alone)
    expect(row(together, 0)).not.toEqual(row(together, 1))
    expect(await values(start, batchOf([grey], { ids: [8], epoch: 1 }))).not.toEqual(alone)
    expect(await values(start, batchOf([grey], { ids: [8], seed: 1 }))).not.toEqual(alone)
    expect(await values(start, batchOf([grey], { ids: [8] }))).toEqual(alone)
  })

  it('fills the ball evenly and keeps to the box', async () => {
    const rows = Array.from({ length: 500 }, () => [0.5, 0.5, 0.02, 0.99])
    const found = await values(start, batchOf(rows))
    const inner = found.filter((_, i) => i % 4 < 2).map(v => (v - 0.5) / 0.08)
    const mean = inner.reduce((a, b) => a + b, 0) / inner.length
    const square = inner.reduce((a, b) => a + b * b, 0) / inner.length
    expect(Math.max(...inner.map(Math.abs))).toBeLessThanOrEqual(1 + 1e-5)
    expect(mean).toBeCloseTo(0, 1)
    expect(square).toBeCloseTo(1 / 3, 1)
    expect(found.every(v => v >= 0 && v <= 1)).toBe(true)
  })
})

it('pgd attacks the model that it is given, in as many passes as it has steps', async () => {
  let passes = 0
  const counted = {
    ...model,
    logits: (x: Tensor) => {
      passes++
      return model.logits(x)
    },
  }
  using x = await pgd({ eps: 0.1, steps: 7 })
    .session()
    .adversarial(counted, batchOf([grey]))
  expect(x.shape).toEqual([1, 1, 1, 4])
  expect(passes).toBe(7)
})

describe('free', () => {
  const eps = 0.1
  const gradient = (rows: readonly (readonly number[])[]) => tensor(rows.flat(), [rows.length, 1, 1, 4])

  it('starts without noise, adds stepSize · sign(gradient) after each step, and keeps to ball and box', async () => {
    const attack = free({ eps, stepSize: 0.06 })
    const session = attack.session()
    const batch = batchOf([[0.5, 0.5, 0.5, 0.97]])
    const next = async () => {
      using x = await session.adversarial(model, batch)
      return [...(await x.data())]
    }
    const close = (expected: number[]) => expected.map(v => expect.closeTo(v, 6))
    expect(await next()).toEqual(close([0.5, 0.5, 0.5, 0.97]))
    session.update!(gradient([[3, -2, 0, 1]]))
    expect(await next()).toEqual(close([0.56, 0.44, 0.5, 1]))
    session.update!(gradient([[3, -2, 0, 1]]))
    expect(await next()).toEqual(close([0.6, 0.4, 0.5, 1]))
    // The noise itself has no box: 0.97 + 0.1 − 0.06 is above 1 still.
    session.update!(gradient([[-1, 0, 5, -1]]))
    expect(await next()).toEqual(close([0.54, 0.4, 0.56, 1]))
    session.state!.dispose()
  })

  it('carries the noise from one batch to the next, and starts anew for a batch of another size', async () => {
    const session = free({ eps }).session()
    const first = await session.adversarial(model, batchOf([grey, grey]))
    session.update!(
      gradient([
        [1, 1, 1, 1],
        [-1, -1, -1, -1],
      ]),
    )
    const dark = [0.2, 0.2, 0.2, 0.2]
    using second = await session.adversarial(model, batchOf([dark, dark]))
    expect([...(await second.data())]).toEqual(
      [0.3, 0.3, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1].map(v => expect.closeTo(v, 6)),
    )
    using smaller = await session.adversarial(model, batchOf([dark]))
    expect([...(await smaller.data())]).toEqual(dark.map(v => expect.closeTo(v, 6)))
    first.dispose()
    session.state!.dispose()
  })

  it('has its own noise in each training run', async () => {
    const attack = free({ eps })
    const [a, b] = [attack.session(), attack.session()]
    using _ = await a.adversarial(model, batchOf([grey]))
    a.update!(gradient([[1, 1, 1, 1]]))
    using other = await b.adversarial(model, batchOf([grey]))
    expect([...(await other.data())]).toEqual(grey)
    a.state!.dispose()
    b.state!.dispose()
  })

  it('replays each batch four times by default, and frees all but one noise', async () => {
    expect(free({ eps })).toMatchObject({
      name: 'free',
      replays: 4,
      settings: { eps, stepSize: eps, replays: 4 },
    })
    const device = new Device({ threads: 1 })
    const session = free({ eps }).session()
    const images = ops.full([8, 1, 1, 4], 0.5, device)
    const batch = { ...batchOf([grey]), images }
    for (let i = 0; i < 5; i++) {
      using x = await session.adversarial(model, batch)
      using g = ops.copy(x)
      session.update!(g)
    }
    await device.synchronize()
    const bytes = device.memory().inUse
    images.dispose()
    await device.synchronize()
    expect(device.memory().inUse).toBe(bytes / 2)
    session.state!.dispose()
  })
})
