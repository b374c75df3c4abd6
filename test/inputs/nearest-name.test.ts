import { expect, it } from 'vitest'
import { didYouMean, nearestName } from '../../src/inputs/nearest-name.ts'

it('offers a close name and none that is far', () => {
  expect(nearestName('preactresnet18', ['resnet18', 'preact-resnet18'])).toBe('preact-resnet18')
  expect(nearestName('CONV2', ['conv2', 'conv4'])).toBe('conv2')
  expect(nearestName('pdg', ['free', 'pgd'])).toBe('pgd')
  expect(nearestName('wideresnet', ['resnet18', 'wide-resnet-34-10'])).toBe('wide-resnet-34-10')
  expect(nearestName('vgg', ['conv2', 'vgg16-bn-cifar', 'vgg16'])).toBe('vgg16')
  expect(nearestName('aa', ['autoattack', 'faab'])).toBeUndefined()
  expect(nearestName('--', ['conv2'])).toBeUndefined()
  expect(nearestName('banana', ['conv2', 'conv4'])).toBeUndefined()
  expect(didYouMean('epoch', ['epochs'])).toBe(': did you mean epochs?')
  expect(didYouMean('banana', ['epochs'])).toBe('')
})
