import { expect, it } from 'vitest'
import type { Evaluation } from '../../src/evaluation/evaluate.ts'
import { imagesCsv } from '../../src/runs/images-csv.ts'

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

it('images.csv names classes, predictions, confidences, norms and distances, quoted where they must be', () => {
  expect(imagesCsv(evaluation, classNames)).toBe(
    [
      'image,label,class,prediction,confidence,cw-l2 broken by,cw-l2 prediction,cw-l2 confidence,cw-l2 norm,cw-l2 distance',
      '12,0,cat,cat,0.7500,cw-l2,dog,0.6250,0.250000,0.25',
      '5,1,"T-shirt, ""top""","T-shirt, ""top""",0.8750,robust,"T-shirt, ""top""",0.5000,0.00000,Infinity',
      '40,2,dog,cat,0.5000,clean,cat,0.5000,0.00000,0',
      '',
    ].join('\n'),
  )
})
