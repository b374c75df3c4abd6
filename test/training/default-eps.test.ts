import { describe, expect, it } from 'vitest'
import { datasets } from '../../src/data/datasets.ts'
import { resolveTraining } from '../../src/training/resolve.ts'

const split = { images: new Uint8Array(40 * 64), labels: new Array(40).fill(0) }
const own = (usualEps?: number) =>
  datasets.fromArrays({ name: 'mine', classes: 2, shape: [1, 8, 8], train: split, test: split, usualEps })

describe('without an eps', () => {
  it.each([
    [undefined, 8 / 255],
    [0.1, 0.1],
  ])('a search trains against PGD-7 at the usual one of its data set, %d', async (given, eps) => {
    const { inner } = await resolveTraining({ arch: 'conv2', data: own(given) })
    expect(inner!.settings).toMatchObject({ eps, stepSize: eps / 4, steps: 7 })
  })
})
