// How many queries attacks without gradients took, image by image.

import { concatUint8Arrays } from 'typed-array-utils'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Attack, AttackResult, AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import type { BatchOutcome } from '../../src/attacks/frame/batch-outcome.ts'
import { bandits, pgd, square } from '../../src/attacks/index.ts'
import { encodeOutcome, outcomeOf } from '../../src/evaluation/stored-outcome.ts'
import { decodeSealed } from '../../src/files/sealed.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { sum } from './trained-network.ts'
import { type TrainedStripes, trainStripes } from './trained-stripes.ts'

let set: TrainedStripes
beforeAll(async () => {
  set = await trainStripes(21)
})
const run = (attack: Attack, options?: AttackRunOptions, model: Classifier = set.model) =>
  attack.run(model, set.images, set.labels, options)

/** Each with the queries of an image that resists, and the passes of a query. */
const attacks: [string, (eps: number) => Attack, number, number][] = [
  ['square', eps => square({ eps, queries: 30 }), 31, 1],
  ['square of three restarts', eps => square({ eps, queries: 8, restarts: 3 }), 27, 1],
  ['square L2', eps => square({ eps: 4 * eps, queries: 30, norm: 'l2' }), 31, 1],
  ['bandits', eps => bandits({ eps, queries: 31 }), 30, 1.5],
  ['bandits L2', eps => bandits({ eps: 4 * eps, queries: 30, norm: 'l2' }), 30, 1.5],
]

describe.each(attacks)('%s', (_, make, budget, passes) => {
  const check = (result: AttackResult, done: (n: number) => boolean) => {
    const queries = result.queries!
    expect(queries).toBeInstanceOf(Int32Array)
    for (const [n, count] of queries.entries()) {
      expect(count).toBeGreaterThanOrEqual(0)
      expect(count).toBeLessThanOrEqual(budget)
      if (!done(n)) expect(count).toBe(budget)
    }
    // Two more passes each: of the image itself, and the check of what was found.
    expect(result.forwards).toBe(passes * sum(queries) + 2 * queries.length)
  }

  it('counts all of an image that resists, those until it is fooled, and none where it is wrong', async () => {
    const result = await run(make(0.1))
    check(result, n => result.robust[n] === 0)
    for (const [n, right] of set.right.entries()) if (!right) expect(result.queries![n]).toBe(0)
    const fooled = [...result.queries!].filter((_, n) => set.right[n] && result.robust[n] === 0)
    expect(fooled.length).toBeGreaterThan(2)
    expect(Math.min(...fooled)).toBeGreaterThan(0)
    expect(new Set(fooled).size).toBeGreaterThan(1)
    const none = await run(make(0))
    for (const [n, right] of set.right.entries()) expect(none.queries![n]).toBe(right ? budget : 0)
  })

  it('counts until the target is hit in a targeted run', async () => {
    const result = await run(make(0.2), { targets: 'random' })
    check(result, n => result.hit![n] === 1)
  })

  it('is that of each image alone, in any batch size', async () => {
    const { queries } = await run(make(0.1))
    for (const batchSize of [1, 4]) expect((await run(make(0.1), { batchSize })).queries).toEqual(queries)
    for (const n of [0, 5, 20]) {
      const alone = await make(0.1).run(set.model, set.images.slice(n * 64, (n + 1) * 64), [set.labels[n]], {
        sampleIds: [n],
      })
      expect([...alone.queries!]).toEqual([queries![n]])
    }
  })

  it('survives in kept batches, as targets and hits do', async () => {
    const kept = new Map<string, [Int32Array, BatchOutcome]>()
    let passesMade = 0
    const counted: Classifier = {
      ...set.model,
      numClasses: 4,
      inputShape: [1, 8, 8],
      logits: x => {
        passesMade++
        return set.model.logits(x)
      },
    }
    const entry = (key: string, sampleIds: Int32Array) => ({
      format: 'test',
      run: 'test',
      key,
      sampleIds,
      imageSize: 64,
    })
    const journal: AttackRunOptions['journal'] = {
      async read(key) {
        const found = kept.get(key)
        if (!found) return undefined
        const [ids, outcome] = found
        const bytes = Buffer.from(concatUint8Arrays(...encodeOutcome(outcome, entry(key, ids))!))
        return outcomeOf(decodeSealed(bytes, key, ''), entry(key, ids), key)
      },
      write: async (key, ids, outcome) => void kept.set(key, [ids, outcome]),
    }
    const options: AttackRunOptions = { batchSize: 8, targets: 'random', journal }
    const first = await run(make(0.1), options, counted)
    const made = passesMade
    expect(await run(make(0.1), options, counted)).toEqual(first)
    expect(passesMade).toBe(made)
  })
})

it('attacks with gradients do not count them', async () => {
  expect((await run(pgd({ eps: 0.1, steps: 1 }))).queries).toBeUndefined()
})
