// @ts-check
// The tickets in service: which one answers a request, and how others take their place without a request being dropped.
import { randomInt } from 'node:crypto'
import { Device, datasets, R2S } from 'rst-native'

/** @typedef {import('rst-native').Ticket} Ticket */

/** The tickets of one load. They are disposed once others are in service and nobody holds them any more. */
class LoadedTickets {
  #r2s
  #holders = 1

  /** @param {R2S} r2s */
  constructor(r2s) {
    this.#r2s = r2s
    this.inputShape = r2s.inputShape
    this.classNames = classNamesOf(r2s.tickets[0])
  }

  hold() {
    this.#holders++
  }

  release() {
    if (--this.#holders === 0) this.#r2s.dispose()
  }

  /**
   * A ticket for one request, and its number. Each request has a draw of its own from the system's cryptographic
   * generator, whoever else is in its batch: nobody can find out by an image of his own which ticket answers others.
   * @returns {{ lane: Ticket, ticket: number }}
   */
  draw() {
    const ticket = randomInt(this.#r2s.tickets.length)
    return { lane: this.#r2s.pinned(ticket), ticket }
  }

  /** What they are, for logs. */
  async describe() {
    const described = []
    for (const ticket of this.#r2s.tickets) {
      const { file, arch, remainingRatio, hash } = await ticket.identity()
      described.push({ file, arch, remainingRatio, hash })
    }
    return described
  }

  /** Brings each ticket into the forms that kernels read, so that no request waits for it. @param {number} maxBatch */
  async warmUp(maxBatch) {
    const size = this.inputShape.reduce((product, d) => product * d, 1)
    for (const ticket of this.#r2s.tickets) {
      for (const images of new Set([1, maxBatch])) await ticket.predictBatch(new Float32Array(images * size))
    }
  }
}

export class Tickets {
  /** @type {LoadedTickets | undefined} */
  #current
  #device
  #options

  /** @param {{ tickets: readonly string[], threads: number, maxBatch: number }} options */
  constructor(options) {
    this.#options = options
    this.#device = new Device({ threads: options.threads })
  }

  /**
   * Puts what the files hold now into service. Where they cannot be loaded, the former tickets stay.
   * @throws {import('rst-native').RstError}
   */
  async load() {
    const { tickets, maxBatch } = this.#options
    const next = new LoadedTickets(await R2S.load(tickets, { device: this.#device }))
    let described
    try {
      await next.warmUp(maxBatch)
      described = await next.describe()
    } catch (error) {
      next.release()
      throw error
    }
    const former = this.#current
    this.#current = next
    former?.release()
    return described
  }

  /** The tickets in service, kept alive until `release`. */
  hold() {
    const current = /** @type {LoadedTickets} */ (this.#current)
    current.hold()
    return current
  }

  /**
   * @param {Ticket} ticket
   * @param {Float32Array[]} images
   */
  async run(ticket, images) {
    const size = images[0].length
    const pixels = new Float32Array(images.length * size)
    for (const [n, image] of images.entries()) pixels.set(image, n * size)
    const { labels, probabilities } = await ticket.predictBatch(pixels)
    const classes = ticket.numClasses
    return images.map((_, n) => ({
      label: labels[n],
      probabilities: probabilities.subarray(n * classes, (n + 1) * classes),
    }))
  }
}

/** Of the data set that it was searched on, where the package knows it. @param {Ticket} ticket */
function classNamesOf({ metadata: { dataset, classes } }) {
  if (!datasets.list().some(({ name }) => name === dataset)) return undefined
  const { classNames } = datasets.info(dataset)
  return classNames.length === classes ? classNames : undefined
}
