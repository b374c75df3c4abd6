// What fits a terminal, and what a log that is none shows.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatList, formatTable, layOut } from '../../src/cli/layout.ts'
import { fitParts, ProgressDisplay, showTraining } from '../../src/cli/progress.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import { rst, silentIo } from './run-rst.ts'
import { fashion, folder, other, ticket, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

/** What is drawn of a training at `columns`, one text a drawing. */
function drawn(columns: number): string[] {
  let stderr = ''
  let time = 0
  const io = silentIo({
    stderr: { write: text => (stderr += text), isTTY: true, columns },
    env: { NO_COLOR: '1' },
    now: () => (time += 50),
  })
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
        /^search +[\d.]+ % {2}1 min 10 s left {2}epoch \d\/2 {2}accuracy 50\.0 % {2}1,234 images\/s$/,
      )
    }
  })

  it('of 40 columns keeps the time left', () => {
    for (const text of drawn(40)) expect(text).toMatch(/^search +[\d.]+ % {2}1 min 10 s left$/)
  })

  it('of 120 columns has the bar', () => {
    for (const text of drawn(120))
      expect(text).toMatch(/^search \[[#-]{20}\] +[\d.]+ % {2}1 min 10 s left {2}/)
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
    const io = silentIo({
      stderr: { write: text => lines.push(text) },
      now: () => time,
      date: () => new Date(Date.UTC(2026, 0, 1) + time),
    })
    const display = new ProgressDisplay(new Terminal(io, { color: false }), 'search')
    const show = showTraining(display)
    const rest = { epoch: 0, epochs: 1, loss: 1, accuracy: 0.5, lr: 0.1, imagesPerSecond: 10 }
    for (let step = 1; step <= steps; step++) {
      time += seconds * 1000
      show({ ...rest, step, steps, secondsLeft: (steps - step) * seconds })
    }
    display.finish()
    return lines
  }

  it('is a line each minute, with the time of day, gone and left', () => {
    const lines = linesOf(1000, 10)
    // The first step's, each sixth step after it, and the last one's.
    expect(lines.length).toBe(1 + Math.floor(999 / 6) + 1)
    expect(lines[1]).toBe(
      '2026-01-01T00:01:10Z  search   0.7 %  2 h 46 min left  epoch 1/1  step 7/1,000  loss 1.000  accuracy 50.0 %  10 images/s  1 min 10 s gone\n',
    )
  })

  it('is the first and the last step of a short run', () => {
    expect(linesOf(100, 0.2).map(line => /([\d.]+) %/.exec(line)![1])).toEqual(['1.0', '100.0'])
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

  it('is a list whose second column is broken under itself, or stands below', () => {
    const list = formatList(
      [
        ['a', 'b'],
        ['label', 'a text of words'],
        ['hash', 'abcdefghijklmnop'],
      ],
      '  ',
    )
    expect(layOut(list, 20)).toEqual([
      '  a       b',
      '  label   a text of',
      '          words',
      '  hash',
      '    abcdefghijklmnop',
    ])
  })

  it.each([[80], [60]])(
    'fits %d columns, whatever the command, but for words that are longer',
    async columns => {
      const images = fashion().slice(2)
      const training = [...tiny, '--quiet']
      for (const args of [
        ['doctor', ticket],
        ['info', ticket, other],
        ['data', 'list'],
        ['data', 'where', 'cifar10'],
        ['search', ...training, ...fashion(), '--out', join(folder, 'a')],
        ['train', ...training, ...fashion(), '--out', join(folder, 'b')],
        ['finetune', ticket, ...training.slice(4), ...images, '--out', join(folder, 'c')],
        ['r2s', ticket, other, ...images, '--limit', '2', '--adversary', 'arc', '--singles', '--steps', '1'],
        ['r2s', ticket, other, ...images, '--limit', '2', '--simulate', '10', '--steps', '1'],
      ]) {
        const ran = await rst(args, { isTTY: true, columns })
        expect(ran.code, ran.stderr).toBe(0)
        for (const line of ran.stdout.split('\n')) {
          if (/ /.test(line.trim())) expect(line.length, line).toBeLessThanOrEqual(columns)
        }
      }
    },
  )

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
