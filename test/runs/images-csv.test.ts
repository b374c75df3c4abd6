import { expect, it } from 'vitest'
import { imagesCsv } from '../../src/runs/images-csv.ts'
import { classNames, evaluation } from '../evaluation/three-images.ts'

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
