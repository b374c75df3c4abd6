import { describe, expect, it } from 'vitest'
import { formatJson, parseJson } from '../../src/files/json.ts'

describe('JSON of a report', () => {
  it('has texts in place of numbers that JSON has not', () => {
    const report = { eps: Number.POSITIVE_INFINITY, low: Number.NEGATIVE_INFINITY, loss: [Number.NaN, 1.5] }
    expect(formatJson(report)).toBe('{"eps":"Infinity","low":"-Infinity","loss":["NaN",1.5]}')
    expect(Number((parseJson(formatJson(report)) as { eps: string }).eps)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is otherwise what JSON.stringify gives', () => {
    const report = { a: [1, null, { b: undefined, c: '–' }], d: new Date(0) }
    expect(formatJson(report, 2)).toBe(JSON.stringify(report, null, 2))
  })
})
