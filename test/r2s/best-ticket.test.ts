import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fgsm, pgd } from '../../src/attacks/index.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { pairedDifference } from '../../src/evaluation/statistics.ts'
import { arc, eot, random } from '../../src/r2s/adversaries.ts'
import { bestTicket } from '../../src/r2s/best-ticket.ts'
import { evaluateR2S } from '../../src/r2s/evaluate.ts'
import type { Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { data, searchedTicket } from './small-tickets.ts'

describe('the best single ticket', () => {
  it('is chosen on every other image and reported on the rest', () => {
    // Ticket 0 is right on images 0, 2, 4, 6, ticket 1 on the others and on image 0.
    const alone = [
      [1, 0, 1, 0, 1, 0, 1, 0],
      [1, 1, 0, 1, 0, 1, 0, 1],
    ]
    const robust = [1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    expect(bestTicket(alone, robust)).toEqual({
      ticket: 0,
      chosenOn: 4,
      reportedOn: 4,
      accuracy: 0,
      accuracyInterval: [0, expect.closeTo(0.4899, 4)],
      switchAccuracy: 0.5,
      ...pairedDifference([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0]),
      onSameImages: { ticket: 1, accuracy: 5 / 8, ...pairedDifference(robust, alone[1]) },
    })
  })

  it('of tickets that differ by chance alone is flattered by its own images, not by others', () => {
    // Each of eight tickets is right about half of the images, at random.
    let flattered = 0
    let honest = 0
    let state = 1
    const flip = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 31
    }
    for (let trial = 0; trial < 200; trial++) {
      const alone = Array.from({ length: 8 }, () => Array.from({ length: 60 }, flip))
      const robust = Array.from({ length: 60 }, (_, n) => alone.reduce((sum, right) => sum + right[n], 0) / 8)
      const best = bestTicket(alone, robust)!
      flattered += best.onSameImages.accuracy / 200
      honest += best.accuracy / 200
    }
    expect(flattered).toBeGreaterThan(0.56)
    expect(Math.abs(honest - 0.5)).toBeLessThan(0.02)
  })

  it('needs two tickets and two images', () => {
    expect(bestTicket([[1, 0]], [1, 0])).toBeUndefined()
    expect(bestTicket([[1], [0]], [1])).toBeUndefined()
  })
})

describe('a switch beside its best ticket', () => {
  const device = new Device({ threads: 2 })
  const eps = 0.12
  let tickets: Ticket[]
  beforeAll(async () => {
    tickets = []
    for (const [k, ratio] of [0.3, 0.6].entries()) {
      tickets.push(await searchedTicket(ratio, device, { weightSeed: 1, scoreSeed: k, epochs: 4 }))
    }
  })
  afterAll(() => {
    for (const ticket of tickets) ticket.dispose()
  })

  it('compares with attacks on single tickets: those of the matrix’ diagonal', async () => {
    const attack = pgd({ eps, steps: 3 })
    const { bestTicket: best, matrix } = await evaluateR2S({ tickets }, data.test, {
      adversary: random(attack),
    })
    const diagonal = matrix.map((row, k) => row[k])
    expect(best!.onSameImages.accuracy).toBe(Math.max(...diagonal))
    expect([best!.chosenOn, best!.reportedOn]).toEqual([31, 30])
    const single = await evaluate(tickets[best!.ticket], data.test, { attacks: [attack] })
    const half = single.attacks[0].brokenBy.filter((_, n) => n % 2 === 1)
    expect(best!.accuracy).toBeCloseTo(half.filter(by => by === null).length / 30, 12)
    expect(best!.difference).toBeCloseTo(best!.switchAccuracy - best!.accuracy, 12)
  })

  it.each([eot({ eps, steps: 2 }), arc({ eps, steps: 2 })])(
    'attacks each ticket alone on request, without changing what the switch is said to be: $name',
    async adversary => {
      const phases = new Set<string>()
      const plain = await evaluateR2S({ tickets }, data.test, { adversary })
      expect(plain.bestTicket).toBeUndefined()
      const options = {
        adversary,
        singles: true,
        onProgress: ({ phase }: { phase: string }) => phases.add(phase),
      }
      const { bestTicket: best, ...report } = await evaluateR2S({ tickets }, data.test, options)
      expect([...phases]).toEqual([
        'natural',
        adversary.name,
        ...[1, 2].map(k => `${adversary.name} on ticket ${k}`),
      ])
      for (const key of ['robustAccuracy', 'matrix', 'uncertainty', 'worstTicket'] as const) {
        expect(report[key]).toEqual(plain[key])
      }
      expect(report.forwards).toBeGreaterThan(plain.forwards)
      const alone = await Promise.all(
        tickets.map(async ticket => {
          const { robustAccuracy } = await evaluateR2S({ tickets: [ticket] }, data.test, { adversary })
          return robustAccuracy
        }),
      )
      expect(best!.onSameImages.accuracy).toBe(Math.max(...alone))
    },
  )

  it('is not measured by a simulation', async () => {
    const options = { adversary: random(fgsm({ eps })), simulate: 2, singles: true }
    await expect(evaluateR2S({ tickets }, data.test, options)).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'singles' }),
    )
  })
})
