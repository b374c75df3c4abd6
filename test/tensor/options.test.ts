import { describe, expect, it } from 'vitest'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { upload } from '../../src/tensor/upload.ts'

const x = ops.full([2, 3, 4, 4], 0.5)
const weight = ops.full([3, 3, 1, 1], 0.5)
const channels = ops.full([3], 1)
const ids = tensor([0, 1], [2], { dtype: 'i32' })
const threat = { norm: 'linf', eps: 0.1, low: 0, high: 1 } as const

/** Every function of tensors that takes options, with a call that is right and its names. */
const calls: [string, (options: object) => unknown, object, string[]][] = [
  ['Device', o => new Device(o).dispose(), { threads: 1 }, ['threads', 'memoryLimit', 'sparse']],
  ['tensor', o => tensor([1], [1], o), {}, ['dtype', 'device']],
  ['upload', o => upload([1], [1], o), {}, ['dtype', 'device']],
  ['conv2d', o => ops.conv2d(x, weight, o), {}, ['stride', 'padding']],
  [
    'batchNorm',
    o => ops.batchNorm(x, channels, channels, o as never),
    { mode: 'eval' },
    ['mode', 'eps', 'relu'],
  ],
  [
    'convBatchNorm',
    o => ops.convBatchNorm(x, weight, channels, channels, o),
    {},
    ['stride', 'padding', 'eps'],
  ],
  ['maxPool2d', o => ops.maxPool2d(x, 2, o), {}, ['stride', 'padding']],
  ['avgPool2d', o => ops.avgPool2d(x, 2, o), {}, ['stride', 'padding']],
  [
    'randomWeight',
    o => ops.randomWeight([2, 2], o as never),
    { init: 'normal', scale: 1, seed: 0, purpose: 'weight', layer: 0 },
    ['init', 'scale', 'seed', 'purpose', 'layer'],
  ],
  [
    'uniformNoise',
    o => ops.uniformNoise(ids, [2, 3], o as never),
    { low: 0, high: 1, seed: 0, step: 0 },
    ['low', 'high', 'seed', 'step'],
  ],
  [
    'normalNoise',
    o => ops.normalNoise(ids, [2, 3], o as never),
    { mean: 0, std: 1, seed: 0, step: 0 },
    ['mean', 'std', 'seed', 'step'],
  ],
  [
    'sgdStep',
    o => ops.sgdStep(ops.full([2], 1), ops.full([2], 1), ops.full([2], 0), o as never),
    { lr: 0.1, momentum: 0.9, weightDecay: 0 },
    ['lr', 'momentum', 'weightDecay'],
  ],
  ['randomStart', o => ops.randomStart(x, ids, threat, o as never), { seed: 0, step: 0 }, ['seed', 'step']],
  [
    'gatherImages',
    o => ops.gatherImages(tensor(new Uint8Array(8), [2, 1, 2, 2], { dtype: 'u8' }), ids, o),
    {},
    ['cropPadding', 'flip', 'seed', 'epoch'],
  ],
]

describe('options', () => {
  const refusal = async (call: (options: object) => unknown, options: object) => {
    try {
      await call(options)
    } catch (error) {
      return error as Error & { code: string }
    }
  }

  it.each(calls)(
    'of %s: unknown ones are refused by name, wrong values by type',
    async (owner, call, right, names) => {
      expect(await refusal(call, right)).toBeUndefined()
      expect(await refusal(call, { ...right, nonsense: 1 })).toMatchObject({
        name: 'ConfigError',
        option: 'nonsense',
        message: expect.stringMatching(new RegExp(`^${owner} has no option nonsense`)),
      })
      for (const name of names) {
        const misspelt = await refusal(call, { ...right, [`${name}s`]: 1 })
        expect(misspelt?.message).toMatch(new RegExp(`did you mean ${name}\\?`))
        for (const wrong of ['nonsense', Number.NaN, {}, [1, 2, 3], null]) {
          const error = await refusal(call, { ...right, [name]: wrong })
          expect(error, `${name}: ${String(wrong)}`).toMatchObject({
            code: expect.stringMatching(/^ERR_RST_/),
          })
        }
      }
    },
  )
})
