import { expect, it } from 'vitest'
import { captionsOf } from '../../src/report/attacked-images.ts'
import { classNames, evaluation } from '../evaluation/three-images.ts'

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
