// R2S, the random switch between robust scratch tickets (paper, Sec. 6.2): tickets of different remaining ratios from
// one random network, of which each request is answered by one drawn at random.
import crypto from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { ConfigError } from '../errors.ts'
import { seed as seedKind } from '../inputs/kinds.ts'
import { checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'
import type { Classifier, ModelIdentity } from '../nn/classifier.ts'
import type { BatchPrediction, Prediction } from '../nn/network-classifier.ts'
import { Purpose, RandomStream } from '../random/philox.ts'
import { checkPaths, readTicket } from '../saved/stored-ticket.ts'
import { fromData, type Ticket } from '../saved/ticket.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import { type Placement, placementRows } from '../tensor/placement.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkOneDevice, checkSameScratch, checkTickets } from './same-scratch.ts'

/** How a switch draws. */
export interface SwitchOptions {
  /**
   * Of the draws, 0 to 2^53 − 1: draw number n is then a pure function of (seed, n). Who knows the seed knows every draw,
   * and Philox is no cryptographic generator: who sees which ticket answered can find it. For experiments only. Default:
   * none, each draw comes from the system's cryptographic generator.
   */
  seed?: number
}

export const switchRows: OptionRows<SwitchOptions> = { seed: seedKind }
export const switchLoadRows: OptionRows<SwitchOptions & Placement> = { ...switchRows, ...placementRows }

/** What a switch answers to one image. */
export interface SwitchPrediction extends Prediction {
  /** The ticket that answered, 0 … tickets − 1. */
  readonly ticket: number
}

/** What a switch answers to a batch of images. */
export interface SwitchBatchPrediction extends BatchPrediction {
  /** The ticket that answered for the whole batch. */
  readonly ticket: number
}

/**
 * A random switch between tickets of one random network (Fu et al., NeurIPS 2021, section 6.2). Mask and batch-norm
 * statistics switch together, since each ticket keeps its own; the weights of one layer are one tensor for all
 * tickets (fine-tuned tickets keep theirs). Which ticket answers is drawn anew for each request, by the system's
 * cryptographic generator unless a seed is given.
 *
 * For accuracies use `evaluateR2S`, which computes the expectation over the draws instead of sampling it.
 * @example
 * import { R2S, tensor } from 'rst-native'
 * using r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const pixels = new Float32Array(2 * 3 * 32 * 32).fill(0.5) // two images, pixels in [0, 1]
 * const { probabilities, ticket } = await r2s.predict(pixels.subarray(0, 3072))
 * const { labels } = await r2s.predictBatch(pixels)
 * console.log(probabilities.length, ticket < 2, labels.length) // → 10 true 2
 * console.log(r2s.logits(tensor(pixels, [2, 3, 32, 32])).shape) // → [2, 10]
 * const { kind } = await r2s.identity()
 * console.log(kind, r2s.pinned(0).metadata.remainingRatio) // → switch of 2 tickets 0.05
 */
export class R2S implements Classifier {
  /** In the order in which they were given. */
  readonly tickets: readonly Ticket[]
  /** undefined where the system's cryptographic generator draws. */
  readonly seed: number | undefined
  /** One call after the other may answer differently. */
  readonly randomized = true
  readonly #stream: RandomStream | undefined
  #draws = 0

  /**
   * Takes over the tickets: those after the first give up their own weights for the first one's, so they live and are
   * disposed together.
   * @param tickets of one random network, at least one, on one device
   * @param options a seed of the draws, for experiments
   * @throws TicketError naming the field in which the tickets' random networks differ
   * @throws ConfigError for no ticket, several devices, or a seed out of range
   */
  constructor(tickets: readonly Ticket[], options: SwitchOptions = {}) {
    checkOptions('R2S', options, switchRows)
    checkTickets(tickets)
    checkSameScratch(tickets.map(({ metadata }) => metadata))
    checkOneDevice(tickets)
    const { seed } = options
    this.tickets = [...tickets]
    this.seed = seed
    this.#stream = seed === undefined ? undefined : new RandomStream(seed, Purpose.ticketSwitch)
    const [owner, ...others] = tickets.filter(ticket => !ticket.trained)
    for (const ticket of others) ticket.network.borrowWeights(owner.network)
  }

  /**
   * Loads ticket files into one switch. The weights that they share are drawn once.
   * @param paths of tickets of one random network, at least one
   * @param options device, threads, and a seed of the draws
   * @throws TicketError, ConfigError, DeviceError
   */
  static async load(paths: readonly string[], options: SwitchOptions & Placement = {}): Promise<R2S> {
    checkPaths(paths, 'R2S.load')
    checkOptions('R2S.load', options, switchLoadRows)
    const device = resolveDevice(options.device, options.threads)
    const data = []
    for (const path of paths) data.push(await readTicket(path))
    checkSameScratch(data.map(({ metadata }) => metadata))
    const tickets: Ticket[] = []
    try {
      for (const [k, path] of paths.entries()) {
        // Each takes some milliseconds, and a service may be answering meanwhile.
        if (k > 0) await setImmediate()
        const owner = tickets.find(ticket => !ticket.trained)
        tickets.push(fromData(data[k], device, path, owner?.network))
      }
      return new R2S(tickets, { seed: options.seed })
    } catch (error) {
      for (const ticket of tickets) ticket.dispose()
      throw error
    }
  }

  /** How many classes its tickets tell apart. */
  get numClasses(): number {
    return this.tickets[0].numClasses
  }
  /** [channels, height, width] of the images that they take. */
  get inputShape(): readonly [number, number, number] {
    return this.tickets[0].inputShape
  }
  /** Where their tensors are. */
  get device(): Device {
    return this.tickets[0].device
  }

  /**
   * For reports; its hash is that of its tickets' hashes.
   * @throws ShapeError once disposed, DeviceError once its device is
   */
  async identity(): Promise<ModelIdentity> {
    const tickets: ModelIdentity[] = []
    for (const ticket of this.tickets) tickets.push(await ticket.identity())
    const hash = crypto
      .createHash('sha256')
      .update(tickets.map(ticket => ticket.hash).join())
      .digest('hex')
    const [{ arch, width }] = tickets
    return { kind: `switch of ${tickets.length} tickets`, hash, arch, width }
  }

  /**
   * Ticket k itself, which always answers the same.
   * @param k from 0 to tickets − 1
   * @throws ConfigError
   */
  pinned(k: number): Ticket {
    const ticket = Number.isSafeInteger(k) ? this.tickets[k] : undefined
    if (ticket) return ticket
    throw new ConfigError(
      `Expected a ticket from 0 to ${this.tickets.length - 1} but received ${describeValue(k)}.`,
      'ticket',
    )
  }

  /**
   * A score for each class, by one ticket drawn anew on each call.
   * @param x [N, C, H, W], pixels in [0, 1]
   * @returns [N, classes]
   * @throws ShapeError, ConfigError
   */
  logits(x: Tensor): Tensor {
    return this.tickets[this.#draw()].logits(x)
  }

  /**
   * Classifies one image by a ticket drawn for it.
   * @param pixels [C·H·W] in [0, 1]; beyond it by rounding, up to 1e-6, they are clipped
   * @throws ShapeError, ConfigError for pixels outside [0, 1], such as 8-bit or normalised ones
   */
  async predict(pixels: Float32Array): Promise<SwitchPrediction> {
    const ticket = this.#draw()
    return { ...(await this.tickets[ticket].predict(pixels)), ticket }
  }

  /**
   * Classifies a batch by one ticket drawn for all of it. Never holds up the event loop for long, however many images there are.
   * @param pixels [N·C·H·W] in [0, 1], N ≥ 1; beyond it by rounding, up to 1e-6, they are clipped. They must not change
   * until the promise resolves
   * @throws ShapeError, ConfigError for pixels outside [0, 1], such as 8-bit or normalised ones
   */
  async predictBatch(pixels: Float32Array): Promise<SwitchBatchPrediction> {
    const ticket = this.#draw()
    return { ...(await this.tickets[ticket].predictBatch(pixels)), ticket }
  }

  /** Disposes the tickets. */
  dispose(): void {
    for (const ticket of this.tickets) ticket.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  #draw(): number {
    const count = this.tickets.length
    if (!this.#stream) return crypto.randomInt(count)
    return Math.floor((this.#stream.word(this.#draws++) / 2 ** 32) * count)
  }
}
