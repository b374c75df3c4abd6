// What enters a run of any attack beside its options: the model, its answers, images and labels.
import { describe, expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import {
  apgd,
  apgdT,
  autoAttack,
  bandits,
  cwL2,
  cwLinf,
  fab,
  fgsm,
  fgsmRs,
  pgd,
  square,
} from '../../src/attacks/index.ts'
import { ConfigError, ShapeError } from '../../src/errors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { arc, ensembleLogits, ensembleProbs, eot, eotApgd, random } from '../../src/r2s/adversaries.ts'
import type { SwitchAttack } from '../../src/r2s/switch-attack.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { multiclassLinear } from './multiclass-linear.ts'

const classes = 5
const model = multiclassLinear({
  weights: [0, 1, 2, 3, 4].map(k => [0.1 * k, 0.2, 0, -0.1 * k]),
  biases: [4, 0, 1, 2, 3],
})
const images = new Float32Array(12).fill(0.5)
const labels = [0, 0, 0]
const eps = 0.1
type Run = (
  model: Classifier,
  images: Float32Array | Tensor,
  labels: ArrayLike<number>,
) => Promise<{ adversarial: Float32Array }>
const plain: Attack[] = [
  fgsm({ eps }),
  fgsmRs({ eps }),
  pgd({ eps, steps: 2 }),
  pgd({ eps, steps: 2, loss: 'dlr' }),
  pgd({ eps, steps: 2, loss: 'cw', randomStart: false, onlyCorrect: true }),
  cwLinf({ eps, steps: 2 }),
  cwL2({ eps, iterations: 2, searchSteps: 1 }),
  apgd({ eps, steps: 2 }),
  apgdT({ eps, steps: 2 }),
  fab({ eps, steps: 2 }),
  fab({ eps, steps: 2, targeted: false }),
  square({ eps, queries: 2 }),
  bandits({ eps, queries: 2 }),
  autoAttack({ eps, version: 'custom', attacks: [fgsm({ eps })] }),
]
const adversaries = [
  eot({ eps, steps: 2 }),
  ensembleLogits({ eps, steps: 2 }),
  ensembleProbs({ eps, steps: 2 }),
  eotApgd({ eps, steps: 2 }),
  arc({ eps, steps: 2 }),
  random(fgsm({ eps })),
]
const saying = (change: Partial<Record<keyof Classifier, unknown>>) => ({ ...model, ...change }) as Classifier
/** With what an error calls the model. */
const runs: [string, Run, string][] = [
  ...plain.map((attack): [string, Run, string] => [attack.name, (m, x, y) => attack.run(m, x, y), 'model']),
  ...adversaries.map((attack): [string, Run, string] => [
    `adversary ${attack.name}`,
    (m, x, y) =>
      attack.run(
        attack.against === 'one' ? [m] : [m, saying({ numClasses: m?.numClasses })],
        x as Float32Array,
        y,
      ),
    'tickets[0]',
  ]),
]

describe.each(runs)('%s', (_, run, subject) => {
  it('stops at the first pass of a model that answers otherwise than it says', async () => {
    await run(model, images, labels)
    const device = Device.default
    await device.synchronize()
    const before = device.memory().inUse
    for (const numClasses of [4, 6, 100]) {
      let passes = 0
      const lying = saying({
        numClasses,
        logits: (x: Tensor) => {
          passes++
          return model.logits(x)
        },
      })
      const failed = run(lying, images, labels)
      await expect(failed).rejects.toThrow(ShapeError)
      await expect(failed).rejects.toThrow(
        new RegExp(`\\[3, ${numClasses}\\].*numClasses.*\\[3, ${classes}\\]`),
      )
      expect(passes).toBe(1)
    }
    const answers: ((x: Tensor) => unknown)[] = [
      x => ops.reshape(model.logits(x), [3 * classes]),
      x => ops.reshape(model.logits(x), [3, classes, 1]),
      x => ops.argmax(model.logits(x)),
      x => ops.reshape(model.logits(x), [classes, 3]),
      async x => model.logits(x),
      () => undefined,
      () => new Float32Array(3 * classes),
    ]
    for (const logits of answers.filter((_, i) => i !== 4)) {
      await expect(run(saying({ logits }), images, labels)).rejects.toThrow(ShapeError)
    }
    await device.synchronize()
    expect(device.memory().inUse).toBe(before)
    await expect(run(saying({ logits: answers[4] }), images, labels)).rejects.toThrow(ShapeError)
  })

  it('refuses what is no classifier', async () => {
    const bad: unknown[] = [undefined, null, 3, 'conv4', {}, [], () => 1]
    bad.push(saying({ logits: undefined }), saying({ logits: 3 }))
    for (const numClasses of [undefined, 1, 0, -1, 2.5, Number.NaN, '5', Number.POSITIVE_INFINITY]) {
      bad.push(saying({ numClasses }))
    }
    for (const inputShape of [
      undefined,
      null,
      [4],
      [1, 4],
      [1, 1, 1, 4],
      [1, 0, 4],
      [1, 1, 4.5],
      '1,1,4',
      4,
    ]) {
      bad.push(saying({ inputShape }))
    }
    for (const no of bad) {
      const failed = run(no as Classifier, images, labels)
      await expect(failed).rejects.toThrow(ConfigError)
      await expect(failed).rejects.toMatchObject({ option: subject })
    }
  })

  it('refuses images and labels that are none', async () => {
    const badImages: unknown[] = [undefined, null, 3, [...images], new Float64Array(12), new Uint8Array(12)]
    for (const value of [Number.NaN, 1.001, -0.001, 255, Number.POSITIVE_INFINITY]) {
      badImages.push(images.with(5, value))
    }
    for (const bad of badImages) {
      await expect(run(model, bad as Float32Array, labels)).rejects.toMatchObject({ option: 'images' })
    }
    for (const length of [0, 4, 11, 13]) {
      await expect(run(model, new Float32Array(length), labels)).rejects.toThrow(ShapeError)
    }
    const badLabels: unknown[] = [undefined, null, 0, 'cat', BigInt64Array.of(0n, 0n, 0n), [0, 0, 5]]
    badLabels.push(
      [0, -1, 0],
      [0, 0.5, 0],
      [0, Number.NaN, 0],
      [0, '0', 0],
      [
        [1, 0],
        [1, 0],
        [1, 0],
      ],
    )
    for (const bad of badLabels) {
      await expect(run(model, images, bad as number[])).rejects.toMatchObject({ option: 'labels' })
    }
  })

  it('clips pixels that rounding put outside the box', async () => {
    const edge = new Float32Array(12).map((_, i) => i % 2)
    const rounded = edge.map(v => (v === 1 ? 1 + 5e-7 : -5e-7))
    const result = await run(model, rounded, labels)
    expect(result).toEqual(
      await run(model, edge, labels).then(expected => ({
        ...expected,
        ...('parts' in expected && { parts: expect.anything() }),
      })),
    )
    expect(result.adversarial.every(v => v >= 0 && v <= 1)).toBe(true)
  })

  it('gives nothing of no images', async () => {
    expect((await run(model, new Float32Array(0), [])).adversarial).toHaveLength(0)
  })
})

it.each(adversaries.map((attack): [string, SwitchAttack] => [attack.name, attack]))(
  '%s takes tickets for the same images, at least one',
  async (_, { run }) => {
    const other = saying({ inputShape: [1, 4, 1] })
    for (const bad of [undefined, null, model, [], [model, other], [model, saying({ numClasses: 4 })]]) {
      const failed = run(bad as never, images, labels)
      await expect(failed).rejects.toMatchObject({ name: 'ConfigError', option: 'tickets' })
    }
    for (const bad of [null, {}, 3]) {
      const failed = run([model, bad] as never, images, labels)
      await expect(failed).rejects.toMatchObject({ name: 'ConfigError', option: 'tickets[1]' })
    }
  },
)

describe.each(plain.map((attack): [string, Attack] => [attack.name, attack]))(
  '%s of a tensor',
  (_, attack) => {
    it('takes [N, C, H, W] of f32 and nothing else', async () => {
      using x = tensor(images, [3, 1, 1, 4])
      const { adversarial } = await attack.run(model, x, labels)
      expect(adversarial).toEqual((await attack.run(model, images, labels)).adversarial)
      for (const shape of [[12], [3, 4], [3, 1, 4, 1], [1, 1, 3, 4], [4, 1, 1, 3]]) {
        using bad = tensor(images, shape)
        await expect(attack.run(model, bad, labels)).rejects.toThrow(/Expected images \[3, 1, 1, 4\] of f32/)
      }
      using whole = tensor(
        Int32Array.from(images, v => v),
        [3, 1, 1, 4],
        { dtype: 'i32' },
      )
      await expect(attack.run(model, whole as never, labels)).rejects.toThrow(ShapeError)
    })
  },
)
