import { describe, expect, it } from 'vitest'
import type { BenchRow } from '../../bench/row.ts'
import { formatSeconds, formatTable, rowTable } from '../../bench/table.ts'

const row: BenchRow = {
  group: 'peers',
  work: 'forward',
  arch: 'resnet18-cifar',
  ratio: 0.05,
  batch: 1,
  threads: 2,
  implementation: 'rst-native',
  seconds: [0.002, 0.001, 0.003],
  median: 0.002,
}

describe('formatTable', () => {
  it('aligns cells, numbers to the right', () => {
    const table = formatTable(
      ['name', 'n'],
      [
        ['3×3 64@32²', '1'],
        ['b', '100'],
      ],
      ['n'],
    )
    expect(table.split('\n')).toEqual([
      'name          n',
      '----------  ---',
      '3×3 64@32²    1',
      'b           100',
    ])
  })
})

describe('formatSeconds', () => {
  it('chooses the unit', () => {
    expect([12.345, 1, 0.0123, 0.0001, 123.4].map(formatSeconds)).toEqual([
      '12.3 s',
      '1.00 s',
      '12.3 ms',
      '100 µs',
      '123 s',
    ])
  })
})

describe('rowTable', () => {
  it('shows the spread and how much faster we are', () => {
    const table = rowTable([{ ...row, peer: 'tfjs-node', speedup: { median: 2, low: 1.5, high: 2.25 } }])
    expect(table).toContain('2.00 ms  1.00 ms – 3.00 ms  tfjs-node     2.00  1.50 – 2.25')
  })
  it('shows what a step compiles and keeps in memory', () => {
    const peakBytes = { device: 545 * 2 ** 20, process: 879 * 2 ** 20 }
    const table = rowTable([{ ...row, group: 'steps', work: 'search-step', compileShare: 0.0164, peakBytes }])
    expect(table).toMatch(/compiling +tensors peak +process peak/)
    expect(table).toMatch(/1\.64 % +545 MiB +879 MiB/)
  })
  it('leaves out columns that are empty throughout', () => {
    expect(rowTable([row])).not.toMatch(/layer|GFLOP|peak|faster/)
  })
  it('names what is missing and why', () => {
    const missing = {
      ...row,
      implementation: 'tfjs-node',
      seconds: [],
      median: null,
      missing: 'No such package.',
    }
    const table = rowTable([row, missing])
    expect(table).toContain('missing')
    expect(table).toContain('Missing: tfjs-node, forward at batch 1: No such package.')
  })
})
