// Losses that a user writes with the ops.
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { grad } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { uniform } from './numeric-gradient.ts'

const [images, classes] = [19, 5]
const logits = () => tensor(uniform([images, classes], 1, -4, 4).values, [images, classes])
const labels = () =>
  tensor(
    Int32Array.from({ length: images }, (_, n) => (n * 3) % classes),
    [images],
    { dtype: 'i32' },
  )

/** Σ log Σ exp(x) − x[label]; a linear layer of ones adds up each row. */
function ownCrossEntropy(x: Tensor): Tensor {
  const normaliser = ops.log(ops.linear(ops.exp(x), ops.full([1, classes], 1)))
  return ops.sub(ops.sum(normaliser), ops.sum(ops.gather(x, labels())))
}

/** Σ max(x) − x[label]: 0 where the label wins, as in the attacks of Carlini & Wagner. */
const ownMargin = (x: Tensor): Tensor => ops.sum(ops.sub(ops.max(x), ops.gather(x, labels())))

async function valueAndGradient(x: Tensor, loss: (x: Tensor) => Tensor) {
  const { value, gradients } = grad(() => loss(x), [x])
  return { value: Number((await value.data())[0]), gradient: Array.from(await gradients[0]!.data()) }
}

describe('a loss of one’s own', () => {
  it('from exp, log and gather has the value and the gradient of crossEntropy', async () => {
    const own = await valueAndGradient(logits(), ownCrossEntropy)
    const given = await valueAndGradient(logits(), x => ops.sum(ops.crossEntropy(x, labels())))
    expect(own.value).toBeCloseTo(given.value, 3)
    for (const [i, g] of own.gradient.entries()) expect(g).toBeCloseTo(given.gradient[i]!, 5)
  })

  it('from max and gather pushes the winner up and the label down, and is flat where these are one', async () => {
    const x = logits()
    const { value, gradient } = await valueAndGradient(x, ownMargin)
    const [rows, label, winner] = [await x.data(), await labels().data(), await ops.argmax(x).data()]
    let margin = 0
    for (let n = 0; n < images; n++) {
      const [w, l] = [Number(winner[n]), Number(label[n])]
      margin += rows[n * classes + w]! - rows[n * classes + l]!
      const expected = Array.from({ length: classes }, (_, k) => Number(k === w) - Number(k === l))
      expect(gradient.slice(n * classes, (n + 1) * classes)).toEqual(expected)
    }
    expect(value).toBeCloseTo(margin, 4)
  })

  it('gives the gradient of a maximum to the first of equals', async () => {
    const x = ops.full([2, 3], 1)
    expect((await valueAndGradient(x, y => ops.sum(ops.max(y)))).gradient).toEqual([1, 0, 0, 1, 0, 0])
  })

  it('tells an index out of range to whoever reads what depends on it', async () => {
    const wrong = tensor([0, classes], [2], { dtype: 'i32' })
    const picked = ops.gather(ops.full([2, classes], 1), wrong)
    const reading = ops.sum(ops.scale(picked, 2)).data()
    await expect(reading).rejects.toThrow(ConfigError)
    await expect(ops.scale(picked, 3).data()).rejects.toThrow(
      'gather expects indices from 0 to 4 but received 5 for sample 1.',
    )
  })
})
