// @ts-check
// What the batcher groups, and when.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Batcher, NobodyWaits } from '../batcher.js'

/** @param {Partial<ConstructorParameters<typeof Batcher>[0]>} [options] */
function recorded(options) {
  /** @type {string[]} lane and items of each batch */
  const batches = []
  let running = 0
  /** @type {Batcher<string, number, number>} */
  const batcher = new Batcher({
    ...{ maxBatch: 4, maxWait: 20, mayGrow: () => false, ...options },
    async run(lane, items) {
      assert.equal(running++, 0, 'one batch at a time')
      batches.push(`${lane} ${items.join()}`)
      await setTimeout(2)
      running--
      if (items.includes(13)) throw new Error('unlucky')
      return items.map(item => item * 10)
    },
  })
  return { batcher, batches }
}

test('what comes while a batch runs is grouped by lane, up to the largest batch, and lanes take turns', async () => {
  const { batcher, batches } = recorded()
  const items = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const answers = items.map(item => batcher.add(item % 3 === 0 ? 'a' : 'b', item))
  assert.equal(batcher.waiting, 8)
  assert.deepEqual(
    await Promise.all(answers),
    items.map(item => item * 10),
  )
  assert.deepEqual(batches, ['a 0', 'b 1,2,4,5', 'a 3,6', 'b 7,8'])
  assert.equal(batcher.waiting, 0)
})

test('a batch waits while more are coming, but not longer than it may', async () => {
  let coming = 2
  const { batcher, batches } = recorded({ mayGrow: () => coming > 0 })
  const first = batcher.add('a', 1)
  await setTimeout(5)
  assert.equal(batches.length, 0)
  coming = 0
  await Promise.all([first, batcher.add('a', 2)])
  assert.deepEqual(batches, ['a 1,2'])
  coming = 1
  await batcher.add('a', 3)
  assert.deepEqual(batches, ['a 1,2', 'a 3'])
  // A full one does not wait.
  const { batcher: full } = recorded({ mayGrow: () => true, maxWait: 60_000 })
  await Promise.all([1, 2, 3, 4].map(item => full.add('a', item)))
})

test('an error is that of its batch alone', async () => {
  const { batcher } = recorded()
  const results = await Promise.allSettled([1, 13, 14].map(item => batcher.add(item > 10 ? 'b' : 'a', item)))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  )
  assert.equal(await batcher.add('b', 2), 20)
})

test('what nobody waits for any more is not computed', async () => {
  const { batcher, batches } = recorded()
  const first = batcher.add('a', 1)
  const gone = batcher.add('b', 2, () => true)
  const last = batcher.add('c', 3)
  await assert.rejects(gone, NobodyWaits)
  assert.deepEqual([await first, await last], [10, 30])
  assert.deepEqual(batches, ['a 1', 'c 3'])
})
