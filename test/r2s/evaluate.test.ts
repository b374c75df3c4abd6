// The accuracies of a switch: exact expectations, the transfer matrix, and what is drawn.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import { fgsm, pgd } from '../../src/attacks/index.ts'
import type { Split } from '../../src/data/dataset.ts'
import { subset } from '../../src/data/subset.ts'
import { AbortError } from '../../src/errors.ts'
import { arc, ensembleLogits, ensembleProbs, eot, random } from '../../src/r2s/adversaries.ts'
import { evaluateR2S } from '../../src/r2s/evaluate.ts'
import { expectations } from '../../src/r2s/expectations.ts'
import { R2S } from '../../src/r2s/r2s.ts'
import { transferMatrix } from '../../src/r2s/transfer.ts'
import { Device } from '../../src/tensor/device.ts'
import { data, linearTicket, searchedTicket } from './small-tickets.ts'

const device = new Device({ threads: 2 })
let r2s: R2S
beforeAll(async () => {
  const tickets = []
  for (const [k, ratio] of [0.3, 0.5, 0.7].entries()) {
    tickets.push(await searchedTicket(ratio, device, { weightSeed: 1, scoreSeed: k }))
  }
  r2s = new R2S(tickets, { seed: 0 })
})

const eps = 0.12
const attack = pgd({ eps, steps: 5 })
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

describe('60 points and 6 tickets, each wrong on 6 points of its own (C10)', () => {
  const split: Split = {
    size: 60,
    images: Uint8Array.from({ length: 3600 }, (_, i) => (Math.floor(i / 60) === i % 60 ? 255 : 0)),
    labels: new Int32Array(60),
  }
  const tickets = Array.from({ length: 6 }, (_, k) => {
    const margins = Array.from({ length: 60 }, (_, n) => (Math.floor(n / 6) === k ? -1 : 1))
    return linearTicket([margins, margins.map(() => 0)], [0, 0])
  })
  const blind = [
    random(pgd({ eps: 0, steps: 2 })),
    eot({ eps: 0, steps: 2 }),
    ensembleLogits({ eps: 0, steps: 2 }),
    ensembleProbs({ eps: 0, steps: 2 }),
    arc({ eps: 0, steps: 2 }),
  ]
  it.each(blind)(
    'at eps 0 the expectation is exactly .9, and .4 of the points are right on every ticket: $name',
    async adversary => {
      const report = await evaluateR2S({ tickets }, split, { adversary })
      expect(report).toMatchObject({
        method: 'exact expectation',
        naturalAccuracy: 0.9,
        robustAccuracy: 0.9,
        worstTicket: 0.9,
        allTickets: 0.4,
        warnings: [],
      })
      for (const row of report.matrix) expect(row).toEqual(new Array(6).fill(0.9))
    },
  )
})

describe('expectations', () => {
  it('of scores of any kind lie in order: all tickets ≤ worst ticket ≤ expectation; the last is the mean of the matrix', () => {
    const scores = fc
      .record({
        images: fc.integer({ min: 1, max: 9 }),
        tickets: fc.integer({ min: 1, max: 5 }),
        square: fc.boolean(),
      })
      .chain(({ images, tickets, square }) => {
        const rows = square ? tickets : 1
        const flags = (length: number) =>
          fc.array(fc.integer({ min: 0, max: 1 }), { minLength: length, maxLength: length })
        return fc.tuple(flags(tickets * images), flags(rows * tickets * images)).map(([natural, robust]) => ({
          images,
          tickets,
          rows,
          natural: Uint8Array.from(natural),
          robust: Uint8Array.from(robust),
        }))
      })
    fc.assert(
      fc.property(scores, given => {
        const { naturalAccuracy, robustAccuracy, worstTicket, allTickets } = expectations(given)
        expect(naturalAccuracy).toBeCloseTo(sum([...given.natural]) / given.natural.length, 12)
        expect(robustAccuracy).toBeCloseTo(sum([...given.robust]) / given.robust.length, 12)
        expect(worstTicket).toBeLessThanOrEqual(robustAccuracy + 1e-12)
        expect(allTickets).toBeLessThanOrEqual(worstTicket)
        if (given.rows === 1) expect(worstTicket).toBe(robustAccuracy)
        if (given.rows === 1 && given.tickets === 1) expect(allTickets).toBe(robustAccuracy)
      }),
      { seed: 1 },
    )
  })

  it("take each image's worst ticket: two tickets that attack different images halve both", () => {
    // The attack on ticket 0 fools both tickets on image 0, that on ticket 1 on image 1.
    const robust = Uint8Array.from([0, 1, 0, 1, 1, 0, 1, 0])
    const found = expectations({ images: 2, tickets: 2, rows: 2, natural: new Uint8Array(4).fill(1), robust })
    expect(found).toEqual({ naturalAccuracy: 1, robustAccuracy: 0.5, worstTicket: 0, allTickets: 0 })
  })
})

describe('the transfer matrix', () => {
  it('has on its diagonal the attack on the ticket itself, and beside it the natural accuracies', async () => {
    const result = await transferMatrix(r2s.tickets, data.test, { attack })
    const { matrix, natural } = result
    // The image itself, five steps and the attack's own check, on each ticket.
    expect(result).toMatchObject({ images: 61, forwards: 3 * 7 * 61, backwards: 3 * 5 * 61, warnings: [] })
    const pixels = Float32Array.from(data.test.images, v => v / 255)
    for (const [k, ticket] of r2s.tickets.entries()) {
      const { robust } = await attack.run(ticket, pixels, data.test.labels, { seed: 0 })
      expect(matrix[k][k]).toBe(sum([...robust]) / 61)
      expect(natural[k]).toBeGreaterThan(0.9)
    }
    // Otherwise there would be nothing to switch for.
    expect(matrix[1][1]).toBeLessThan(matrix[1][0] - 0.2)
  })

  it('has the expectation of the switch as its mean (C11)', async () => {
    const { matrix, natural, mean } = await transferMatrix(r2s.tickets, data.test, { attack })
    const report = await evaluateR2S(r2s, data.test, { adversary: random(attack) })
    expect(report.matrix).toEqual(matrix)
    expect(report.robustAccuracy).toBe(mean)
    expect(report.robustAccuracy).toBeCloseTo(sum(matrix.flat()) / 9, 12)
    expect(report.naturalAccuracy).toBeCloseTo(sum([...natural]) / 3, 12)
    expect(report.worstTicket).toBeLessThan(report.robustAccuracy)
    expect(report.allTickets).toBeLessThanOrEqual(report.worstTicket)
  })

  it('is permuted with the tickets, and its mean stays', async () => {
    const order = [2, 0, 1]
    const straight = await transferMatrix(r2s.tickets, data.test, { attack })
    const permuted = await transferMatrix(
      order.map(k => r2s.tickets[k]),
      data.test,
      { attack },
    )
    expect(permuted.matrix).toEqual(order.map(i => order.map(j => straight.matrix[i][j])))
    expect(permuted.natural).toEqual(order.map(k => straight.natural[k]))
    expect(permuted.mean).toBe(straight.mean)
  })

  it('does not depend on the batch size, and does on the seed', async () => {
    const whole = await transferMatrix(r2s.tickets, data.test, { attack, limit: 40, seed: 3 })
    const options = { attack, limit: 40, seed: 3 }
    expect(await transferMatrix(r2s.tickets, data.test, { ...options, batchSize: 7 })).toEqual(whole)
    const part = await subset(data.test, 40, 3)
    expect(await transferMatrix(r2s.tickets, part, { attack, seed: 3 })).toEqual(whole)
    expect(await transferMatrix(r2s.tickets, data.test, { ...options, seed: 4 })).not.toEqual(whole)
  })

  it('says which samples the attack moved, where the attack says (D5)', async () => {
    const ruleOf = async (of: Attack) =>
      (await transferMatrix(r2s.tickets.slice(0, 1), data.test, { attack: of, limit: 3 })).attack
    expect(await ruleOf(attack)).toEqual({ name: 'pgd-5', eps, norm: 'linf', onlyCorrect: false })
    expect(await ruleOf(pgd({ eps, steps: 1, onlyCorrect: true }))).toMatchObject({ onlyCorrect: true })
    const { run } = attack
    expect((await ruleOf({ name: 'other', eps, norm: 'linf', run })).onlyCorrect).toBeUndefined()
  })

  it('of samples that stop once they fool transfers worse', async () => {
    const frozen = pgd({ eps, steps: 5, onlyCorrect: true })
    const all = await transferMatrix(r2s.tickets, data.test, { attack })
    const stopped = await transferMatrix(r2s.tickets, data.test, { attack: frozen })
    const beside = (matrix: readonly (readonly number[])[]) =>
      sum(matrix.flatMap((row, i) => row.filter((_, j) => i !== j)))
    expect(beside(stopped.matrix)).toBeGreaterThan(beside(all.matrix))
  })
})

it('an adversarial image outside ball or box is put back, with a warning', async () => {
  const faulty: Attack = {
    ...attack,
    run: async (_, images) => ({
      adversarial: Float32Array.from(images as Float32Array, v => 1 - v),
      robust: new Uint8Array(61),
      bestLoss: new Float32Array(61),
      forwards: 0,
      backwards: 0,
      warnings: [],
    }),
  }
  const { matrix, natural, warnings, failedChecks, largestNorm } = await transferMatrix(
    r2s.tickets,
    data.test,
    { attack: faulty },
  )
  expect(failedChecks).toBe(183)
  expect(largestNorm).toBeCloseTo(Math.max(...data.test.images.map(v => Math.abs(255 - 2 * v))) / 255, 6)
  for (const row of matrix) expect(row).toEqual(natural)
  expect(warnings).toEqual([
    {
      code: 'outside-threat-model',
      message: expect.stringContaining('183 images of pgd-5 left the linf ball'),
    },
  ])
})

describe('what the attack does to images that a ticket gets wrong', () => {
  // Two pixels, the brighter is the class; the tickets are wrong where a pixel is above a threshold of their own.
  const split: Split = {
    size: 4,
    images: Uint8Array.from([51, 102, 51, 204, 102, 51, 204, 51]),
    labels: Int32Array.of(1, 1, 0, 0),
  }
  const pair = [
    linearTicket(
      [
        [1, 0],
        [0, 1],
      ],
      [0, 0],
    ),
    // Answers 1 unless the first pixel is 0.4 brighter.
    linearTicket(
      [
        [1, 0],
        [0, 1],
      ],
      [-0.4, 0],
    ),
  ]
  /** Makes of every image the clearest one of its class, which all tickets get right. */
  const helpful: Attack = {
    name: 'helpful',
    eps: 1,
    norm: 'linf',
    run: async (_, images, labels) => ({
      adversarial: Float32Array.from(images as Float32Array, (_, i) => (labels[i >> 1] === i % 2 ? 1 : 0)),
      robust: new Uint8Array(labels.length).fill(1),
      bestLoss: new Float32Array(labels.length),
      forwards: 0,
      backwards: 0,
      warnings: [],
    }),
  }

  it('counts for nobody: right under attack is who was right before (D14)', async () => {
    const { matrix, natural, mean } = await transferMatrix(pair, split, { attack: helpful })
    expect(natural).toEqual([1, 0.75])
    expect(matrix).toEqual([natural, natural])
    expect(mean).toBe(0.875)
    const report = await evaluateR2S({ tickets: pair }, split, { adversary: random(helpful) })
    expect(report).toMatchObject({
      naturalAccuracy: 0.875,
      robustAccuracy: 0.875,
      worstTicket: 0.875,
      allTickets: 0.75,
      matrix,
    })
    const simulated = await evaluateR2S({ tickets: pair }, split, {
      adversary: random(helpful),
      simulate: 1000,
    })
    expect(simulated.robustAccuracy).toBeCloseTo(0.875, 1)
    expect(simulated.robustAccuracy).toBeLessThan(0.9)
  })

  it('is not taken at its word: who is said to be fooled is asked again', async () => {
    const boasting: Attack = {
      ...helpful,
      run: async (...args) => ({
        ...(await helpful.run(...args)),
        robust: new Uint8Array(args[2].length),
      }),
    }
    const { failedChecks, warnings, matrix } = await transferMatrix(pair, split, { attack: boasting })
    // All images of the first ticket, and of the second those that it gets right.
    expect(failedChecks).toBe(7)
    expect(warnings.map(({ code }) => code)).toEqual(['unconfirmed'])
    expect(matrix[0]).toEqual([1, 0.75])
  })
})

describe('a simulation', () => {
  it('says so, and its interval covers the exact expectation', async () => {
    const adversary = random(attack)
    let covered = 0
    const found = new Set<number>()
    for (let seed = 0; seed < 12; seed++) {
      const simulation = await evaluateR2S(r2s, data.test, { adversary, simulate: 2, seed })
      const exact = await evaluateR2S(r2s, data.test, { adversary, seed })
      expect(simulation.method).toBe('simulation')
      expect(simulation.draws).toBe(122)
      expect(simulation.naturalAccuracy).toBe(exact.naturalAccuracy)
      const { low, high, confidence } = simulation.interval
      expect(confidence).toBe(0.95)
      expect(low).toBeLessThan(simulation.robustAccuracy)
      expect(high).toBeGreaterThan(simulation.robustAccuracy)
      if (exact.robustAccuracy > low && exact.robustAccuracy < high) covered++
      found.add(simulation.robustAccuracy)
    }
    expect(covered).toBeGreaterThanOrEqual(11)
    expect(found.size).toBeGreaterThan(3)
  })

  it('is a function of the seed and comes near the expectation with many draws', async () => {
    const adversary = random(pgd({ eps, steps: 2 }))
    const options = { adversary, seed: 1 }
    const once = await evaluateR2S(r2s, data.test, { ...options, simulate: 300 })
    expect(await evaluateR2S(r2s, data.test, { ...options, simulate: 300, batchSize: 9 })).toEqual(once)
    const exact = await evaluateR2S(r2s, data.test, options)
    // 18,300 draws: four standard deviations are below .015.
    expect(Math.abs(once.robustAccuracy - exact.robustAccuracy)).toBeLessThan(0.015)
    expect(once.interval.high - once.interval.low).toBeLessThan(0.015)
  })

  it('is refused where the expectation costs no more, and without draws', async () => {
    for (const adversary of [eot({ eps }), arc({ eps })]) {
      await expect(evaluateR2S(r2s, data.test, { adversary, simulate: 3 })).rejects.toThrow(
        'against all tickets, so its exact expectation costs no more than a simulation',
      )
    }
    for (const simulate of [0, 1.5]) {
      await expect(evaluateR2S(r2s, data.test, { adversary: random(attack), simulate })).rejects.toThrow(
        expect.objectContaining({ name: 'ConfigError', option: 'simulate' }),
      )
    }
  })
})

describe('an evaluation', () => {
  it('tells its progress, phase by phase', async () => {
    const seen: string[] = []
    await evaluateR2S({ tickets: r2s.tickets.slice(0, 2) }, data.test, {
      adversary: random(fgsm({ eps })),
      batchSize: 40,
      onProgress: ({ phase, images, total }) => seen.push(`${phase} ${images}/${total}`),
    })
    expect(seen).toEqual([
      ...['natural 40/61', 'natural 61/61'],
      ...['fgsm on ticket 1 40/61', 'fgsm on ticket 1 61/61'],
      ...['fgsm on ticket 2 40/61', 'fgsm on ticket 2 61/61'],
    ])
  })

  it('stops with AbortError', async () => {
    for (const adversary of [random(attack), eot({ eps }), arc({ eps })]) {
      const controller = new AbortController()
      const run = evaluateR2S(r2s, data.test, {
        adversary,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      })
      await expect(run).rejects.toThrow(AbortError)
    }
  })

  it('leaves no memory behind', async () => {
    const adversaries = [random(attack), eot({ eps, steps: 2 }), ensembleLogits({ eps, steps: 2 })]
    adversaries.push(ensembleProbs({ eps, steps: 2 }), arc({ eps, steps: 2 }))
    await evaluateR2S(r2s, data.test, { adversary: random(attack) })
    await device.synchronize()
    const before = device.memory().inUse
    for (const adversary of adversaries) await evaluateR2S(r2s, data.test, { adversary })
    await device.synchronize()
    expect(device.memory().inUse).toBe(before)
  })

  it('refuses tickets for different images, no tickets, images of another size, and a batch size of 0', async () => {
    const options = { adversary: random(attack) }
    const other = linearTicket(
      [
        [1, 0],
        [0, 1],
      ],
      [0, 0],
    )
    const refused = (tickets: typeof r2s.tickets | (typeof other)[], change = {}) =>
      expect(evaluateR2S({ tickets }, data.test, { ...options, ...change })).rejects
    await refused([...r2s.tickets, other]).toThrow('ticket 4 is for images of [1, 1, 2] and 2 classes')
    await refused([]).toThrow(expect.objectContaining({ option: 'tickets' }))
    await refused([other]).toThrow(expect.objectContaining({ option: 'split' }))
    await refused(r2s.tickets, { batchSize: 0 }).toThrow(expect.objectContaining({ option: 'batchSize' }))
  })
})
