import { afterAll, describe, expect, it } from 'vitest'
import { apgd, fab, pgd, square } from '../../src/attacks/index.ts'
import { ConfigError, ShapeError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const own = new Device({ threads: 1 })
afterAll(() => own.dispose())

const weight = tensor([1, -1, 2, 1, -1, 1, -2, -1], [2, 4], { device: own })
const bias = tensor([0.1, -0.1], [2], { device: own })
const unnamed: Classifier = {
  numClasses: 2,
  inputShape: [1, 2, 2],
  logits: x => ops.linear(x, weight, bias),
}
const model: Classifier = { ...unnamed, device: own }
const images = Float32Array.from({ length: 12 }, (_, i) => ((i * 7) % 11) / 11)
const labels = [0, 1, 0]
const found = [
  pgd({ eps: 0.1, steps: 2 }),
  apgd({ eps: 0.1, steps: 3 }),
  fab({ eps: 0.1, steps: 2 }),
  square({ eps: 0.1, queries: 9 }),
]

describe("a model's device", () => {
  it.each(found)('is where $name brings its images, wherever they come from', async attack => {
    const plain = await attack.run(model, images, labels)
    using elsewhere = tensor(images, [3, 1, 2, 2])
    expect(elsewhere.device).not.toBe(own)
    const result = await attack.run(model, elsewhere, labels)
    expect(result.adversarial).toEqual(plain.adversarial)
    expect(result.robust).toEqual(plain.robust)
  })

  it('is where an evaluation brings them', async () => {
    const split = {
      size: 3,
      images: Uint8Array.from(images, pixel => pixel * 255),
      labels: Int32Array.from(labels),
    }
    const { provenance } = await evaluate(model, split, { attacks: [pgd({ eps: 0.1, steps: 1 })] })
    expect(provenance.device).toBe(own.description.replace(/, 1 thread$/, ''))
  })

  it('is missed where the model does not name it: the error names both', async () => {
    const run = pgd({ eps: 0.1, steps: 1 }).run(unnamed, images, labels)
    await expect(run).rejects.toThrow(ShapeError)
    await expect(run).rejects.toThrow(
      / expects all its tensors on one device but received w on .*cpu \(CPU, .*\), the others on cpu \(CPU/,
    )
  })

  it('must be one', async () => {
    for (const device of ['cpu', null, {}]) {
      const run = pgd({ eps: 0.1 }).run({ ...unnamed, device } as unknown as Classifier, images, labels)
      await expect(run).rejects.toThrow(ConfigError)
      await expect(run).rejects.toThrow('Expected a Device for model.device but it is')
    }
  })
})
