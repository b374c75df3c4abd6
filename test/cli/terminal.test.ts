// What fits a terminal, and what a log that is none shows.
import { describe, expect, it } from 'vitest'
import { formatTable, layOut } from '../../src/cli/layout.ts'
import { fitParts, ProgressDisplay, showTraining } from '../../src/cli/progress.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import { rst } from './run-rst.ts'
import { fashion, ticket, useWorkspace } from './workspace.ts'

useWorkspace()

/** What is drawn of a training at `columns`, one text a drawing. */
function drawn(columns: number): string[] {
  let stderr = ''
  let time = 0
  const io = {
    stdout: { write: () => {} },
    stderr: { write: (text: string) => (stderr += text), isTTY: true, columns },
    env: { NO_COLOR: '1' },
    now: () => (time += 50),
    onInterrupt: () => () => {},
    exit: () => {},
  }
  const display = new ProgressDisplay(new Terminal(io, { color: true }), 'search')
  const show = showTraining(display)
  const rest = { loss: 2, accuracy: 0.5, lr: 0.1, imagesPerSecond: 1234, secondsLeft: 70 }
  for (let step = 1; step <= 400; step++) show({ ...rest, epoch: 0, epochs: 2, step, steps: 400 })
  display.finish()
  return stderr
    .replaceAll('\r\x1b[2K', '\n')
    .split('\n')
    .filter(text => text.startsWith('search '))
    .map(text => text.trimEnd())
}

describe('progress on a terminal', () => {
  it.each([200, 120, 100, 80, 72, 60, 40, 20, 5])('of %d columns is never longer', columns => {
    expect(drawn(80).length).toBeGreaterThan(100)
    for (const text of drawn(columns)) expect(text.length).toBeLessThan(columns)
  })

  it('of 80 columns keeps accuracy, images a second and time left', () => {
    for (const text of drawn(80)) {
      expect(text).toMatch(
        /^search +[\d.]+ % {2}epoch \d\/2 {2}accuracy 50\.0 % {2}1,234 images\/s {2}1 min 10 s left$/,
      )
    }
  })

  it('of 40 columns keeps the time left', () => {
    for (const text of drawn(40)) expect(text).toMatch(/^search +[\d.]+ % {2}1 min 10 s left$/)
  })

  it('of 120 columns has the bar', () => {
    for (const text of drawn(120)) expect(text).toMatch(/^search \[[#-]{20}\] +[\d.]+ % .* left$/)
  })

  it('drops whole parts, the least important first', () => {
    const parts = ['aaa', 'bbb', 'ccc'].map((text, i) => ({ text, rank: [1, 3, 2][i] }))
    expect([13, 12, 8, 7, 3, 2].map(width => fitParts(parts, width))).toEqual([
      ...['aaa  bbb  ccc', 'aaa  ccc', 'aaa  ccc', 'aaa', 'aaa', ''],
    ])
  })
})

describe('progress without a terminal', () => {
  /** Lines of a run of `steps` steps of so many seconds. */
  const linesOf = (steps: number, seconds: number) => {
    const lines: string[] = []
    let time = 0
    const io = {
      stdout: { write: () => {} },
      stderr: { write: (text: string) => lines.push(text) },
      env: {},
      now: () => time,
      onInterrupt: () => () => {},
      exit: () => {},
    }
    const show = showTraining(new ProgressDisplay(new Terminal(io, { color: false }), 'search'))
    const rest = { epoch: 0, epochs: 1, loss: 1, accuracy: 0.5, lr: 0.1, imagesPerSecond: 10 }
    for (let step = 1; step <= steps; step++) {
      time += seconds * 1000
      show({ ...rest, step, steps, secondsLeft: (steps - step) * seconds })
    }
    return lines
  }

  it('is a line each 30 s of a long run, with the time gone and left', () => {
    const lines = linesOf(1000, 10)
    // One each third step, and those of the tenths.
    expect(lines.length).toBeGreaterThan(333)
    expect(lines.length).toBeLessThan(345)
    expect(lines[1]).toMatch(/ {2}10 images\/s {2}2 h 46 min left {2}40 s gone\n$/)
  })

  it('is a line each tenth of a short run', () => {
    expect(linesOf(100, 0.2).map(line => /([\d.]+) %/.exec(line)![1])).toEqual([
      '1.0',
      ...Array.from({ length: 10 }, (_, i) => `${(i + 1) * 10}.0`),
    ])
  })

  it('is no flood in a run of a second', () => {
    expect(linesOf(100, 0.01).length).toBeLessThan(3)
  })
})

describe('what a command prints', () => {
  const table = formatTable([
    ['accuracy', 'natural', 'pgd-20 (L∞ 8/255)', 'autoattack (L∞ 8/255)'],
    ['ticket', '60.0 %', '30.0 %', '25.0 %'],
    ['natural only', '60.0 %', '', ''],
  ])

  it('is a table as wide as it needs, or folded', () => {
    expect(layOut(table, Number.POSITIVE_INFINITY)).toEqual([
      'accuracy       natural   pgd-20 (L∞ 8/255)   autoattack (L∞ 8/255)',
      'ticket          60.0 %              30.0 %                  25.0 %',
      'natural only    60.0 %',
    ])
    expect(layOut(['before', ...table, 'after'], 45)).toEqual([
      'before',
      'accuracy       natural   pgd-20 (L∞ 8/255)',
      'ticket          60.0 %              30.0 %',
      'natural only    60.0 %',
      '',
      'accuracy       autoattack (L∞ 8/255)',
      'ticket                        25.0 %',
      'after',
    ])
  })

  it('breaks lines at spaces, keeps their indentation and no word is cut', () => {
    expect(layOut(['  a line that is long', '/a/very/long/path and more'], 12)).toEqual([
      ...['  a line', '  that is', '  long', '/a/very/long/path', 'and more'],
    ])
  })

  it.each([
    ['eval', ['--attack', 'pgd,fgsm,apgd-ce,apgd-dlr,square']],
    ['transfer', []],
    ['r2s', []],
  ])('rst %s fits 80 columns of a terminal, and so do its tables in a file', async (name, options) => {
    const tickets = name === 'eval' ? [ticket] : [ticket, ticket, ticket, ticket, ticket, ticket]
    const args = [name, ...tickets, ...fashion().slice(2), '--limit', '2', ...options]
    const narrow = await rst(args, { isTTY: true, columns: 80 })
    expect(narrow.code).toBe(0)
    for (const line of narrow.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    const log = (await rst(args)).stdout
    const rows = log.split('\n').filter(line => / {3}/.test(line))
    expect(rows.length).toBeGreaterThan(6)
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(80)
    expect(log).not.toContain('\u001f')
  })
})
