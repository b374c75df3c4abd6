// An evaluation of three images under one attack: broken, robust, and wrong from the start.
import type { Evaluation } from '../../src/evaluation/evaluate.ts'

export const classNames = ['cat', 'T-shirt, "top"', 'dog']
export const evaluation = {
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
