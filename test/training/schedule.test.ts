import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { checkSchedule, defaultSchedule, learningRate, type Schedule } from '../../src/training/schedule.ts'

describe('learningRate', () => {
  const at = (schedule: Schedule, epoch: number, epochs = 160) => learningRate(schedule, 0.1, epoch, epochs)

  it('falls to a tenth at epochs 80 and 120 of 160 by default (paper)', () => {
    expect([0, 79.99, 80, 119.9, 120, 159.9].map(epoch => at(defaultSchedule, epoch))).toEqual(
      [0.1, 0.1, 0.01, 0.01, 0.001, 0.001].map(lr => expect.closeTo(lr, 12)),
    )
  })

  it('takes steps at whole epochs, also where a milestone falls between two', () => {
    const schedule: Schedule = { kind: 'step', milestones: [0.5], gamma: 0.5 }
    expect(at(schedule, 2.5, 5)).toBe(0.1)
    expect(at(schedule, 2.99, 5)).toBe(0.1)
    expect(at(schedule, 3, 5)).toBe(0.05)
  })

  it('stays constant', () => {
    expect([0, 3.3, 159.99].map(epoch => at({ kind: 'constant' }, epoch))).toEqual([0.1, 0.1, 0.1])
  })

  it('follows half a cosine to 0', () => {
    const schedule: Schedule = { kind: 'cosine' }
    expect(at(schedule, 0)).toBeCloseTo(0.1, 12)
    expect(at(schedule, 40)).toBeCloseTo(0.05 * (1 + Math.SQRT1_2), 12)
    expect(at(schedule, 80)).toBeCloseTo(0.05, 12)
    expect(at(schedule, 160)).toBeCloseTo(0, 12)
  })

  it('rises linearly in the warm-up, after which the cosine begins', () => {
    const schedule: Schedule = { kind: 'cosine', warmupEpochs: 10 }
    expect(at(schedule, 0)).toBe(0)
    expect(at(schedule, 2.5)).toBeCloseTo(0.025, 12)
    expect(at(schedule, 10)).toBeCloseTo(0.1, 12)
    expect(at(schedule, 85)).toBeCloseTo(0.05, 12)
  })
})

describe('checkSchedule', () => {
  it('refuses an unknown kind and a warm-up as long as the run', () => {
    expect(() => checkSchedule({ kind: 'linear' } as never, 10)).toThrow(ConfigError)
    expect(() => checkSchedule({ kind: 'linear' } as never, 10)).toThrow(/one of step, cosine, constant/)
    for (const warmupEpochs of [10, -1, Number.NaN]) {
      expect(() => checkSchedule({ kind: 'constant', warmupEpochs }, 10)).toThrow(
        expect.objectContaining({ option: 'warmupEpochs' }),
      )
    }
    checkSchedule({ kind: 'constant', warmupEpochs: 9 }, 10)
  })
})
