import { describe, expect, it } from 'vitest'
import { median, speedup } from '../../bench/statistics.ts'
import { iterationsFor, measure, time } from '../../bench/stopwatch.ts'

describe('median', () => {
  it('is the middle value, or the mean of the two middle ones', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })
  it('leaves its argument in order', () => {
    const values = [2, 1]
    median(values)
    expect(values).toEqual([2, 1])
  })
  it('refuses an empty series', () => {
    expect(() => median([])).toThrow('Expected at least one value for a median.')
  })
})

describe('speedup', () => {
  it('compares round by round', () => {
    expect(speedup([1, 2, 4], [4, 4, 4])).toEqual({ median: 2, low: 1, high: 4 })
  })
  it('refuses series of different lengths', () => {
    expect(() => speedup([1], [1, 2])).toThrow('received 2 and 1')
  })
})

describe('the stopwatch', () => {
  const counted = () => {
    const runs: number[] = []
    return { runs, run: async (iterations: number) => void runs.push(iterations), dispose() {} }
  }
  it('precedes several iterations by one that is not timed', async () => {
    const task = counted()
    await time(task, 4)
    await time(task, 1)
    expect(task.runs).toEqual([1, 4, 1])
  })
  it('repeats as often as asked', async () => {
    expect(await measure(counted(), 3)).toHaveLength(3)
  })
  it('makes short work long enough', () => {
    expect(iterationsFor(3)).toBe(1)
    expect(iterationsFor(0.1)).toBe(2)
    expect(iterationsFor(1e-9)).toBe(256)
  })
})
