import { describe, expect, it } from 'vitest'
import { figures } from '../../bench/figures.ts'
import type { BenchRow } from '../../bench/row.ts'
import { linearAxis, logAxis } from '../../src/report/axis.ts'
import { element, text } from '../../src/report/svg.ts'

const row = (fields: Partial<BenchRow>): BenchRow => ({
  group: 'steps',
  work: 'pgd-step',
  arch: 'resnet18-cifar',
  ratio: 0.1,
  batch: 128,
  threads: 2,
  implementation: 'rst-native',
  seconds: [1, 2, 3],
  median: 2,
  ...fields,
})

const everyGroup: BenchRow[] = [
  row({ ratio: 0.05 }),
  row({ ratio: 1, median: 5 }),
  row({ work: 'train-step', ratio: 1 }),
  row({ group: 'layers', work: 'forward', layer: '3×3 64@32²', gflops: 400 }),
  row({ group: 'layers', work: 'weight-compile', layer: '1×1/2 64→128@32²', median: 0.002 }),
  row({ group: 'layers', work: 'weight-gradient', layer: '3×3 64@32²', gflops: 90 }),
  row({ group: 'inference', work: 'forward', batch: 1 }),
  row({ group: 'peers', peer: 'a<b>&"c"', speedup: { median: 2, low: 1, high: 3 } }),
  row({ group: 'peers', implementation: 'a<b>&"c"' }),
  row({ group: 'peers', implementation: 'tfjs-cpu', seconds: [], median: null, missing: 'Not installed.' }),
]

/** Checks that tags nest and close, and that attribute values are quoted; returns the tags in order. */
function parse(svg: string): string[] {
  const open: string[] = []
  const tags: string[] = []
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [\w-]+="[^"<>]*")*)(\/?)>/g,
    (_, end, name, _attributes, empty) => {
      tags.push(end + name)
      if (end) expect(open.pop()).toBe(name)
      else if (!empty) open.push(name)
      return ''
    },
  )
  expect(open).toEqual([])
  expect(rest).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;)/)
  return tags
}

describe('SVG', () => {
  it('escapes text and attributes', () => {
    expect(element('a', { b: 'x"<y' })).toBe('<a b="x&quot;&lt;y"/>')
    expect(text(1, 2.3456, 'a & b')).toBe('<text x="1" y="2.35" text-anchor="start">a &amp; b</text>')
  })
  it('is well-formed for every group, and has no NaN', () => {
    const svg = figures(everyGroup)
    expect(parse(svg)[0]).toBe('svg')
    expect(svg).not.toContain('NaN')
    expect(svg).not.toContain('Infinity')
  })
  it('labels axes, series and peers', () => {
    const svg = figures(everyGroup)
    const labels = [
      'remaining ratio',
      'dense-equivalent GFLOP/s',
      'seconds, logarithmic',
      'batch 1',
      '3×3 64@32²',
      'Convolutions: weight compile',
      '1×1/2 64→128@32²',
      'rst-native, ratio 0.1',
      '2.00 s',
    ]
    for (const label of labels) expect(svg).toContain(label)
    expect(svg).not.toContain('tfjs-cpu')
  })
  it('is an empty picture where nothing was measured', () => {
    const svg = figures([])
    expect(parse(svg)[0]).toBe('svg')
    expect(svg).not.toContain('NaN')
  })
})

describe('axes', () => {
  it('counts linearly from 0 in round steps', () => {
    const axis = linearAxis({ values: [3, 92], from: 0, to: 100 })
    expect(axis.ticks.map(tick => tick.label)).toEqual(['0', '20', '40', '60', '80', '100'])
    expect(axis.at(50)).toBeCloseTo(50)
  })
  it('spaces factors evenly on a logarithmic scale', () => {
    const axis = logAxis({ values: [0.012, 0.8], from: 0, to: 100 })
    expect(axis.ticks.map(tick => tick.label)).toEqual(['0.01', '0.02', '0.05', '0.1', '0.2', '0.5', '1'])
    expect(axis.at(0.1)).toBeCloseTo(50)
  })
  it('shows powers of ten only over a wide range', () => {
    const axis = logAxis({ values: [0.001, 900], from: 0, to: 100 })
    expect(axis.ticks.map(tick => tick.label)).toEqual(['0.001', '0.01', '0.1', '1', '10', '100', '1000'])
  })
  it('has a range also for a single round value', () => {
    const axis = logAxis({ values: [1], from: 0, to: 100 })
    expect(axis.at(1)).toBe(0)
    expect(axis.ticks.length).toBeGreaterThan(1)
  })
})
