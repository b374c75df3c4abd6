import { expect, it } from 'vitest'
import { peakMemory } from '../../bench/memory.ts'

it('peak memory counts what was taken and given back', () => {
  const bytes = 256 * 2 ** 20
  const before = peakMemory()
  Buffer.alloc(bytes, 1)
  expect(peakMemory()).toBeGreaterThan(bytes)
  expect(peakMemory()).toBeGreaterThanOrEqual(before)
})
