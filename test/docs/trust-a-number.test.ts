// The numbers that the guides repeat are those that the package computes, and those of docs/results.md.
import { describe, expect, it } from 'vitest'
import { wilsonInterval } from '../../src/evaluation/statistics.ts'
import { attacks } from '../../src/index.ts'
import { markdown } from './markdown-files.ts'

const guide = markdown('docs/guides/trust-a-number.md')
const results = markdown('docs/results.md')
const number = (text: string) => Number(text.replaceAll(',', ''))

describe('Trust a number', () => {
  it('has the intervals of its table', () => {
    const rows = [...guide.matchAll(/^\| ([\d,]+) \| ([\d.–]+) % \| ([\d.–]+) % \| ([\d.–]+) % \|$/gm)]
    expect(rows).toHaveLength(4)
    for (const [, images, ...intervals] of rows) {
      for (const [i, share] of [0.5, 0.1, 0].entries()) {
        const ends = intervals[i].split('–').map(Number)
        for (const [e, end] of wilsonInterval(share * number(images), number(images)).entries()) {
          expect(Math.abs(100 * end - ends[e]), `${images}, ${share}`).toBeLessThan(0.0501)
        }
      }
    }
  })

  it('has the passes of its table', () => {
    const eps = 8 / 255
    const made = {
      fgsm: attacks.fgsm({ eps }),
      pgd: attacks.pgd({ eps }),
      'apgd-ce': attacks.apgd({ eps }),
      autoattack: attacks.autoAttack({ eps }),
    }
    for (const [name, { passes }] of Object.entries(made)) {
      const row = new RegExp(`^\\| \`${name}\`.* \\| ([\\d,]+), ([\\d,]+) \\|$`, 'm').exec(guide)
      const { forwards, backwards } = passes!(10)
      expect(row!.slice(1).map(number), name).toEqual([forwards, backwards])
    }
  })

  it('quotes results that were measured', () => {
    const section = guide.split('## Which attacks')[1].split('\n## ')[0]
    const quoted = [...section.matchAll(/(?:left|AutoAttack|PGD-100) (\d+\.\d %)/g)].map(([, share]) => share)
    expect(quoted).toHaveLength(3)
    for (const share of quoted) expect(results).toContain(`| ${share} |`)
    const [, blind, arc] = /was (\d\.\d) points against the blind adversary and (\d\.\d) under ARC/.exec(
      guide.replaceAll('\n', ' '),
    )!
    expect(results).toContain(`+${blind} points`)
    expect(results).toContain(`+${arc} points`)
  })
})

it('Search your first ticket prints what was measured', () => {
  const [output] = /^accuracy .*?^```$/ms.exec(markdown('docs/guides/first-ticket.md'))!
  const shares = [...output.matchAll(/(\d+\.\d) %(?: +\(|$|\) )/gm)].map(([, share]) => share)
  expect(shares.length).toBeGreaterThanOrEqual(4)
  for (const share of shares) expect(results).toContain(`${share} %`)
})
