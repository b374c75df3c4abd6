// Makes the adversarial images of a switch, verifies them, and asks every ticket about each.
import type { Warning } from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import { row } from '../attacks/oracle.ts'
import { insideThreat, threatModel } from '../attacks/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { subset } from '../data/subset.ts'
import { AbortError, ConfigError } from '../errors.ts'
import { type EvaluationProgress, rightlyClassified } from '../evaluation/evaluate.ts'
import { Device } from '../tensor/device.ts'
import type { SwitchScores } from './expectations.ts'
import type { SwitchAttack } from './switch-attack.ts'

export interface ScoringOptions {
  /** Evaluate a subset of this many images, chosen by seed. Default: all. */
  limit?: number
  /** Seeds the subset and the attacks. Default 0. */
  seed?: number
  /** Images at once; it changes nothing but speed and memory. Default 256. */
  batchSize?: number
  signal?: AbortSignal
  /** `phase` is 'natural', or the attack's name with the ticket attacked. */
  onProgress?: (progress: EvaluationProgress) => void
}

/** What was done, beside the scores. */
export interface Effort {
  /** Images that passed through tickets to make the adversarial images; scoring them comes on top. */
  readonly forwards: number
  readonly backwards: number
  readonly warnings: readonly Warning[]
}

/** The images to score, and the tickets that answer. */
export class Scorer {
  readonly size: number
  readonly labels: Int32Array
  /** Numbers of the images in the whole split: they key all random draws. */
  readonly ids: Int32Array
  readonly imageSize: number
  readonly batchSize: number
  readonly seed: number
  readonly #tickets: readonly Classifier[]
  readonly #images: Uint8Array
  readonly #options: ScoringOptions
  #forwards = 0
  #backwards = 0
  #outside = 0
  readonly #warnings = new Map<string, Warning>()

  private constructor(tickets: readonly Classifier[], split: Split, options: ScoringOptions) {
    const { batchSize = 256, seed = 0 } = options
    this.size = split.size
    this.labels = split.labels
    this.ids = Int32Array.from({ length: split.size }, (_, n) => split.ids?.[n] ?? n)
    this.imageSize = tickets[0].inputShape.reduce((product, d) => product * d, 1)
    this.batchSize = batchSize
    this.seed = seed
    this.#tickets = tickets
    this.#images = split.images
    this.#options = options
  }

  /** @throws ConfigError */
  static async open(tickets: readonly Classifier[], split: Split, options: ScoringOptions): Promise<Scorer> {
    const { limit, seed = 0, batchSize = 256 } = options
    const [first] = tickets
    if (first === undefined)
      throw new ConfigError('Expected at least one ticket but received none.', 'tickets')
    const kind = (c: Classifier) => `images of [${c.inputShape.join(', ')}] and ${c.numClasses} classes`
    for (const [k, ticket] of tickets.entries()) {
      if (kind(ticket) === kind(first)) continue
      throw new ConfigError(
        `Expected tickets for the same images but ticket ${k + 1} is for ${kind(ticket)} and ticket 1 for ${kind(first)}.`,
        'tickets',
      )
    }
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ConfigError(`Expected a batchSize of at least 1 but received ${batchSize}.`, 'batchSize')
    }
    const part = limit === undefined ? split : await subset(split, limit, seed)
    const scorer = new Scorer(tickets, part, options)
    if (part.images.length !== part.size * scorer.imageSize) {
      throw new ConfigError(
        `Expected ${kind(first)} but the data set has ${part.images.length / part.size} values an image.`,
        'data',
      )
    }
    return scorer
  }

  get effort(): Effort {
    const warnings = [...this.#warnings.values()]
    if (this.#outside > 0) {
      warnings.push({
        code: 'outside-threat-model',
        message: `${this.#outside} adversarial images left the ball or the box and were put back to the natural image; the attack has a fault.`,
      })
    }
    return { forwards: this.#forwards, backwards: this.#backwards, warnings }
  }

  /** The numbers `of` images, by default of all, in batches. */
  *batches(of: readonly number[] = Array.from(this.labels, (_, n) => n)): Generator<number[]> {
    for (let from = 0; from < of.length; from += this.batchSize) yield of.slice(from, from + this.batchSize)
  }

  /** Pixels in [0, 1] of the images numbered `chosen`. */
  pixels(chosen: readonly number[]): Float32Array<ArrayBuffer> {
    const pixels = new Float32Array(chosen.length * this.imageSize)
    for (let i = 0; i < chosen.length; i++) {
      const from = chosen[i] * this.imageSize
      for (let j = 0; j < this.imageSize; j++) pixels[i * this.imageSize + j] = this.#images[from + j] / 255
    }
    return pixels
  }

  /** 1 where ticket k is right about the pixels made of the images numbered `chosen`. */
  async right(k: number, pixels: Float32Array<ArrayBuffer>, chosen: readonly number[]): Promise<Uint8Array> {
    const ticket = this.#tickets[k]
    const device = (ticket as { device?: Device }).device ?? Device.default
    return rightlyClassified(
      ticket,
      pixels,
      Int32Array.from(chosen, n => this.labels[n]),
      device,
    )
  }

  /** The adversarial images of those numbered `chosen`, verified: one outside ball or box is the natural one again. */
  async attack(
    adversary: SwitchAttack,
    attacked: readonly Classifier[],
    chosen: readonly number[],
  ): Promise<Float32Array<ArrayBuffer>> {
    const natural = this.pixels(chosen)
    const labels = chosen.map(n => this.labels[n])
    const result = await adversary.run(attacked, natural, labels, {
      seed: this.seed,
      batchSize: this.batchSize,
      sampleIds: chosen.map(n => this.ids[n]),
      signal: this.#options.signal,
    })
    this.#forwards += result.forwards
    this.#backwards += result.backwards
    for (const warning of result.warnings) this.#warnings.set(warning.code, warning)
    const adversarial = new Float32Array(result.adversarial)
    const threat = threatModel(adversary)
    for (let i = 0; i < chosen.length; i++) {
      const original = row(natural, i, this.imageSize)
      if (insideThreat(original, row(adversarial, i, this.imageSize), threat)) continue
      adversarial.set(original, i * this.imageSize)
      this.#outside++
    }
    return adversarial
  }

  progress(phase: string, images: number, total: number): void {
    this.#options.onProgress?.({ phase, images, total })
  }

  /** @throws AbortError */
  checkAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new AbortError('The evaluation was interrupted.', { cause: signal.reason })
  }

  /** Every ticket on every natural image, [tickets, images]. */
  async natural(): Promise<Uint8Array> {
    const scores = new Uint8Array(this.#tickets.length * this.size)
    for (const chosen of this.batches()) {
      this.checkAborted()
      const pixels = this.pixels(chosen)
      for (let k = 0; k < this.#tickets.length; k++) {
        scores.set(await this.right(k, pixels, chosen), k * this.size + chosen[0])
      }
      this.progress('natural', chosen.at(-1)! + 1, this.size)
    }
    return scores
  }

  /** Every ticket on every adversarial image. */
  async all(adversary: SwitchAttack): Promise<SwitchScores> {
    const natural = await this.natural()
    const tickets = this.#tickets.length
    const rowCount = adversary.against === 'one' ? tickets : 1
    const robust = new Uint8Array(rowCount * tickets * this.size)
    for (let r = 0; r < rowCount; r++) {
      const attacked = adversary.against === 'one' ? [this.#tickets[r]] : this.#tickets
      const phase = phaseOf(adversary, r)
      for (const chosen of this.batches()) {
        this.checkAborted()
        const adversarial = await this.attack(adversary, attacked, chosen)
        for (let k = 0; k < tickets; k++) {
          robust.set(await this.right(k, adversarial, chosen), (r * tickets + k) * this.size + chosen[0])
        }
        this.progress(phase, chosen.at(-1)! + 1, this.size)
      }
    }
    return { images: this.size, tickets, rows: rowCount, natural, robust }
  }
}

export function phaseOf({ name, against }: SwitchAttack, ticket: number): string {
  return against === 'one' ? `${name} on ticket ${ticket + 1}` : name
}
