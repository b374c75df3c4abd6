import { expect, it } from 'vitest'
import type { Evaluation } from '../../src/evaluation/evaluate.ts'
import { captionsOf } from '../../src/report/attacked-images.ts'

const classNames = ['cat', 'T-shirt, "top"', 'dog']
const evaluation = {
  ids: Int32Array.of(12, 5, 40),
  labels: Int32Array.of(0, 1, 2),
  predictions: Int32Array.of(0, 1, 0),
  confidences: Float32Array.of(0.75, 0.875, 0.5),
  attacks: [
    {
      name: 'cw-l2',
      norm: 'l2',
      brokenBy: ['cw-l2', null, 'clean'],
      perImage: {
        predictions: Int32Array.of(2, 1, 0),
        confidences: Float32Array.of(0.625, 0.5, 0.5),
        norms: Float64Array.of(0.25, 0, 0),
        distances: Float64Array.of(0.25, Number.POSITIVE_INFINITY, 0),
      },
    },
  ],
} as unknown as Evaluation

it('captions say the same of the images shown, by their numbers', () => {
  expect(captionsOf(evaluation, 0, [5, 12], classNames)).toEqual([
    {
      natural: ['#5 T-shirt, "top"', '→ 88% T-shirt, "top"'],
      adversarial: ['→ 50% T-shirt, "top"'],
      difference: ['L2 0.000'],
    },
    { natural: ['#12 cat', '→ 75% cat'], adversarial: ['→ 63% dog'], difference: ['L2 0.2500'] },
  ])
  expect(captionsOf(evaluation, 0, [12], [])[0].natural).toEqual(['#12 0', '→ 75% 0'])
})
