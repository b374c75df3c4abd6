// R2S, the random switch between robust scratch tickets (paper, Sec. 6.2): tickets of different remaining ratios from
// one random network, of which each request is answered by one drawn at random.
import { randomInt } from 'node:crypto'
import type { Classifier } from '../attacks/classifier.ts'
import { ConfigError, ShapeError } from '../errors.ts'
import { Purpose, RandomStream } from '../random/philox.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { loadTicket, type Prediction, type Ticket } from '../tickets/ticket.ts'
import { checkSameScratch } from './same-scratch.ts'

export interface SwitchOptions {
  /**
   * Of the draws, 0 to 2^53 − 1. Who knows it knows every draw: give one for experiments only. Default: from the
   * system's entropy.
   */
  seed?: number
}

export interface SwitchPrediction extends Prediction {
  /** The ticket that answered, 0 … tickets − 1. */
  readonly ticket: number
}

export interface SwitchBatchPrediction {
  /** The ticket that answered for the whole batch. */
  readonly ticket: number
  /** Classes of largest probability, [N]. */
  readonly labels: Int32Array
  /** [N, classes] */
  readonly probabilities: Float32Array
}

/**
 * Mask and batch-norm statistics switch together, since each ticket keeps its own; the weights of one layer are one
 * tensor for all tickets (fine-tuned tickets keep theirs). Draw number n is a pure function of (seed, n).
 *
 * For accuracies use `evaluateR2S`, which computes the expectation over the draws instead of sampling it.
 *
 * @example
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-7.safetensors', 'rst-10.safetensors'])
 * const { label, probabilities, ticket } = await r2s.predict(pixels)
 */
export class R2S implements Classifier {
  readonly tickets: readonly Ticket[]
  readonly seed: number
  /** One call after the other may answer differently. */
  readonly randomized = true
  readonly #stream: RandomStream
  #draws = 0

  /**
   * Takes over the tickets: those after the first give up their own weights for the first one's, so they live and are
   * disposed together.
   * @throws TicketError naming the field in which the tickets' random networks differ
   * @throws ConfigError for no ticket, several devices, or a seed out of range
   */
  constructor(tickets: readonly Ticket[], { seed = randomInt(2 ** 48 - 1) }: SwitchOptions = {}) {
    checkSameScratch(tickets)
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new ConfigError(`Expected a whole number of at least 0 for seed but received ${seed}.`, 'seed')
    }
    this.tickets = [...tickets]
    this.seed = seed
    this.#stream = new RandomStream(seed, Purpose.ticketSwitch)
    const [owner, ...others] = tickets.filter(ticket => !ticket.trained)
    for (const ticket of others) ticket.network.borrowWeights(owner.network)
  }

  /**
   * Loads ticket files into one switch.
   * @throws TicketError, ConfigError
   */
  static async load(
    paths: readonly string[],
    { device, threads, seed }: SwitchOptions & { device?: 'auto' | 'cpu' | Device; threads?: number } = {},
  ): Promise<R2S> {
    const shared = resolveDevice(device, threads)
    const tickets: Ticket[] = []
    try {
      for (const path of paths) tickets.push(await loadTicket(path, { device: shared }))
      return new R2S(tickets, { seed })
    } catch (error) {
      for (const ticket of tickets) ticket.dispose()
      throw error
    }
  }

  get numClasses(): number {
    return this.tickets[0].numClasses
  }
  get inputShape(): readonly [number, number, number] {
    return this.tickets[0].inputShape
  }
  get device(): Device {
    return this.tickets[0].device
  }

  /** Ticket k itself, which always answers the same. @throws ConfigError */
  pinned(k: number): Ticket {
    const ticket = this.tickets[k]
    if (ticket) return ticket
    throw new ConfigError(
      `Expected a ticket from 0 to ${this.tickets.length - 1} but received ${k}.`,
      'ticket',
    )
  }

  /** [N, C, H, W] in [0, 1] → [N, classes], by one ticket drawn anew on each call. */
  logits(x: Tensor): Tensor {
    return this.tickets[this.#draw()].logits(x)
  }

  /**
   * Classifies one image by a ticket drawn for it.
   * @param pixels [C·H·W] in [0, 1]
   * @throws ShapeError
   */
  async predict(pixels: Float32Array): Promise<SwitchPrediction> {
    const ticket = this.#draw()
    return { ...(await this.tickets[ticket].predict(pixels)), ticket }
  }

  /**
   * Classifies a batch by one ticket drawn for all of it.
   * @param pixels [N·C·H·W] in [0, 1], N ≥ 1
   * @throws ShapeError
   */
  async predictBatch(pixels: Float32Array): Promise<SwitchBatchPrediction> {
    const size = this.inputShape.reduce((product, d) => product * d, 1)
    const count = pixels.length / size
    if (!Number.isInteger(count) || count < 1) {
      throw new ShapeError(
        `Expected images of [${this.inputShape.join(', ')}] (${size} values each) but received ${pixels.length} values.`,
      )
    }
    const ticket = this.#draw()
    const answer = scope(() => {
      const x = tensor(pixels, [count, ...this.inputShape], { device: this.device })
      const logits = this.tickets[ticket].logits(x)
      return { labels: ops.argmax(logits), probabilities: ops.softmax(logits) }
    })
    using labels = answer.labels
    using probabilities = answer.probabilities
    return { ticket, labels: await labels.data(), probabilities: await probabilities.data() }
  }

  /** Disposes the tickets. */
  dispose(): void {
    for (const ticket of this.tickets) ticket.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  #draw(): number {
    return Math.floor((this.#stream.word(this.#draws++) / 2 ** 32) * this.tickets.length)
  }
}
