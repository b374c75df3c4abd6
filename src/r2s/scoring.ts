// Makes the adversarial images of a switch, verifies them, and asks every ticket about each.
import type { Passes, Warning } from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import { row } from '../attacks/oracle.ts'
import { distance, insideThreat, threatModel } from '../attacks/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { AbortError, ConfigError } from '../errors.ts'
import { chooseBatchSize } from '../evaluation/batch-size.ts'
import { EvaluationMeter, type EvaluationProgress } from '../evaluation/meter.ts'
import { rightlyClassified } from '../evaluation/predictions.ts'
import { TestImages } from '../evaluation/test-images.ts'
import type { SwitchScores } from './expectations.ts'
import type { SwitchAttack } from './switch-attack.ts'

export interface ScoringOptions {
  /** Evaluate a subset of this many images, chosen by seed. Default: all. */
  limit?: number
  /** Seeds the subset and the attacks. Default 0. */
  seed?: number
  /**
   * Images at once; it changes nothing but speed and memory. Default: up to 256, as many as fit in half of the free
   * memory.
   */
  batchSize?: number
  signal?: AbortSignal
  /** `phase` is 'natural', or the attack's name with the ticket attacked. */
  onProgress?: (progress: EvaluationProgress) => void
}

/** What was done, beside the scores; passes are those that made the adversarial images. */
export interface Effort extends Passes {
  /**
   * Adversarial images outside ball or box; they were put back to the natural image. More than 0 is a fault of the
   * attack.
   */
  readonly failedChecks: number
  /** Largest norm of a perturbation, in the attack's norm. */
  readonly largestNorm: number
  readonly warnings: readonly Warning[]
}

/** The images to score, and the tickets that answer. */
export class Scorer {
  readonly images: TestImages
  readonly seed: number
  readonly batchSize: number
  readonly #tickets: readonly Classifier[]
  readonly #options: ScoringOptions
  #forwards = 0
  #backwards = 0
  #outside = 0
  #largestNorm = 0
  readonly #warnings = new Map<string, Warning>()

  private constructor(
    tickets: readonly Classifier[],
    images: TestImages,
    batchSize: number,
    options: ScoringOptions,
  ) {
    this.images = images
    this.batchSize = batchSize
    this.seed = options.seed ?? 0
    this.#tickets = tickets
    this.#options = options
  }

  /** @throws ConfigError */
  static async open(tickets: readonly Classifier[], split: Split, options: ScoringOptions): Promise<Scorer> {
    const { limit, seed = 0 } = options
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
    const images = await TestImages.open(first, split, limit, seed)
    return new Scorer(tickets, images, await chooseBatchSize(first, options.batchSize), options)
  }

  get effort(): Effort {
    const warnings = [...this.#warnings.values()]
    if (this.#outside > 0) {
      warnings.push({
        code: 'outside-threat-model',
        message: `${this.#outside} adversarial images left the ball or the box and were put back to the natural image; the attack has a fault.`,
      })
    }
    return {
      forwards: this.#forwards,
      backwards: this.#backwards,
      failedChecks: this.#outside,
      largestNorm: this.#largestNorm,
      warnings,
    }
  }

  /** Progress through the natural images, then the given attacks, of equal work. */
  meter(attacks: readonly string[], passes: Passes): EvaluationMeter {
    const phases = attacks.map(name => ({
      name,
      work: (passes.forwards + passes.backwards + this.#tickets.length) * this.images.size,
    }))
    const natural = { name: 'natural', work: this.#tickets.length * this.images.size }
    return new EvaluationMeter([natural, ...phases], this.#options.onProgress)
  }

  /** 1 where ticket k is right about the pixels made of the images numbered `chosen`. */
  async right(k: number, pixels: Float32Array<ArrayBuffer>, chosen: readonly number[]): Promise<Uint8Array> {
    const { labels } = this.images
    return rightlyClassified(
      this.#tickets[k],
      pixels,
      chosen.map(n => labels[n]),
    )
  }

  /**
   * The adversarial images of those numbered `chosen`, verified: one outside ball or box is the natural one again.
   * @param onImages told how many are done
   */
  async attack(
    adversary: SwitchAttack,
    attacked: readonly Classifier[],
    chosen: readonly number[],
    onImages: (done: number) => void,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { images } = this
    const natural = images.pixels(chosen)
    const result = await adversary.run(
      attacked,
      natural,
      chosen.map(n => images.labels[n]),
      {
        seed: this.seed,
        batchSize: this.batchSize,
        sampleIds: chosen.map(n => images.ids[n]),
        signal: this.#options.signal,
        onProgress: ({ images: done }) => onImages(done),
      },
    )
    this.#forwards += result.forwards
    this.#backwards += result.backwards
    for (const warning of result.warnings) this.#warnings.set(warning.code, warning)
    const adversarial = new Float32Array(result.adversarial)
    const threat = threatModel(adversary)
    for (let i = 0; i < chosen.length; i++) {
      const [before, after] = [natural, adversarial].map(of => row(of, i, images.imageSize))
      this.#largestNorm = Math.max(this.#largestNorm, distance(before, after, threat.norm))
      if (insideThreat(before, after, threat)) continue
      after.set(before)
      this.#outside++
    }
    return adversarial
  }

  /** @throws AbortError */
  checkAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new AbortError('The evaluation was interrupted.', { cause: signal.reason })
  }

  /** Every ticket on every natural image, [tickets, images]; the first phase of `meter`. */
  async natural(meter: EvaluationMeter): Promise<Uint8Array> {
    const { size } = this.images
    const scores = new Uint8Array(this.#tickets.length * size)
    for (const chosen of this.images.batches(this.batchSize)) {
      this.checkAborted()
      const pixels = this.images.pixels(chosen)
      for (let k = 0; k < this.#tickets.length; k++) {
        scores.set(await this.right(k, pixels, chosen), k * size + chosen[0])
      }
      meter.report(0, chosen.at(-1)! + 1, size)
    }
    return scores
  }

  /** Every ticket on every adversarial image. */
  async all(adversary: SwitchAttack): Promise<SwitchScores> {
    const { size } = this.images
    const tickets = this.#tickets.length
    const rowCount = adversary.against === 'one' ? tickets : 1
    const phases = Array.from({ length: rowCount }, (_, r) => phaseOf(adversary, r))
    const meter = this.meter(phases, passesOf(adversary, this.#tickets))
    const natural = await this.natural(meter)
    const robust = new Uint8Array(rowCount * tickets * size)
    for (let r = 0; r < rowCount; r++) {
      const attacked = adversary.against === 'one' ? [this.#tickets[r]] : this.#tickets
      for (const chosen of this.images.batches(this.batchSize)) {
        this.checkAborted()
        const report = (done: number) => meter.report(r + 1, chosen[0] + done, size)
        const adversarial = await this.attack(adversary, attacked, chosen, report)
        for (let k = 0; k < tickets; k++) {
          robust.set(await this.right(k, adversarial, chosen), (r * tickets + k) * size + chosen[0])
        }
      }
    }
    return { images: size, tickets, rows: rowCount, natural, robust }
  }
}

export function phaseOf({ name, against }: SwitchAttack, ticket: number): string {
  return against === 'one' ? `${name} on ticket ${ticket + 1}` : name
}

/** Passes of an image that is never fooled, in one run of the adversary. Of one that does not tell, those of PGD-20. */
export function passesOf(
  { passes }: SwitchAttack,
  [{ numClasses }, ...others]: readonly Classifier[],
): Passes {
  return passes?.(numClasses, others.length + 1) ?? { forwards: 21, backwards: 20 }
}
