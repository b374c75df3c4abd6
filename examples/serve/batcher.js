// @ts-check
// Groups what waits into batches, one at a time. Items of one lane go together; lanes take turns.

/**
 * @template Item, Result
 * @typedef {object} Waiting
 * @property {Item} item
 * @property {() => boolean} isGone whether nobody waits for the answer any more
 * @property {(result: Result) => void} resolve
 * @property {(error: unknown) => void} reject
 */

/** Of an item that was dropped from its batch. */
export class NobodyWaits extends Error {}

/** @template Lane, Item, Result */
export class Batcher {
  /** @type {Map<Lane, Waiting<Item, Result>[]>} in the order of their turns */
  #lanes = new Map()
  #running = false
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #options

  /**
   * @param {object} options
   * @param {(lane: Lane, items: Item[]) => Promise<Result[]>} options.run answers a batch, in its order
   * @param {number} options.maxBatch items at most
   * @param {number} options.maxWait milliseconds that a batch waits for more, while nothing runs
   * @param {() => boolean} options.mayGrow whether more are known to be coming; if not, there is nothing to wait for
   */
  constructor(options) {
    this.#options = options
  }

  /** Items that are in no batch yet. */
  get waiting() {
    let count = 0
    for (const items of this.#lanes.values()) count += items.length
    return count
  }

  /**
   * @param {Lane} lane
   * @param {Item} item
   * @param {() => boolean} isGone
   * @returns {Promise<Result>}
   */
  add(lane, item, isGone = () => false) {
    return new Promise((resolve, reject) => {
      const items = this.#lanes.get(lane) ?? []
      if (items.length === 0) this.#lanes.set(lane, items)
      items.push({ item, isGone, resolve, reject })
      this.#startIfReady(items.length)
    })
  }

  /** @param {number} length of the lane that grew */
  #startIfReady(length) {
    if (this.#running) return
    const { maxBatch, maxWait, mayGrow } = this.#options
    if (length >= maxBatch || maxWait === 0 || !mayGrow()) void this.#runAll()
    else this.#timer ??= setTimeout(() => void this.#runAll(), maxWait)
  }

  /** Batch after batch until nothing waits: what comes meanwhile has waited already. */
  async #runAll() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running = true
    for (let next = this.#lanes.entries().next(); !next.done; next = this.#lanes.entries().next()) {
      const [lane, items] = next.value
      this.#lanes.delete(lane)
      const batch = items.splice(0, this.#options.maxBatch)
      if (items.length > 0) this.#lanes.set(lane, items)
      await this.#runOne(lane, batch)
    }
    this.#running = false
  }

  /**
   * @param {Lane} lane
   * @param {Waiting<Item, Result>[]} batch
   */
  async #runOne(lane, batch) {
    const wanted = batch.filter(({ isGone, reject }) => {
      if (!isGone()) return true
      reject(new NobodyWaits())
      return false
    })
    if (wanted.length === 0) return
    try {
      const items = wanted.map(({ item }) => item)
      const results = await this.#options.run(lane, items)
      for (const [n, { resolve }] of wanted.entries()) resolve(results[n])
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    }
  }
}
