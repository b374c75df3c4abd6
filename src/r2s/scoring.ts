// Which ticket is right on the adversarial images made on which.
import type { Passes } from '../attacks/frame/attack.ts'
import type { Split } from '../data/dataset.ts'
import { EvaluationMeter } from '../evaluation/meter.ts'
import { type RunnableAttack, Runner, type RunOptions } from '../evaluation/runner.ts'
import { type Effort, Tally } from '../evaluation/tally.ts'
import type { Classifier } from '../nn/classifier.ts'
import type { SwitchScores } from './expectations.ts'
import { checkTickets, type SwitchAttack } from './switch-attack.ts'

/** Tickets of which each answers images made on one of them or on all. */
export class Scorer {
  readonly runner: Runner
  readonly #tickets: readonly Classifier[]
  readonly #adversary: SwitchAttack
  readonly #meter: EvaluationMeter
  readonly #tally = new Tally()
  readonly #singles: boolean
  /** 1 where a ticket is right on the natural images, [tickets, images]. */
  readonly natural: Uint8Array

  private constructor(
    runner: Runner,
    tickets: readonly Classifier[],
    adversary: SwitchAttack,
    meter: EvaluationMeter,
    natural: Uint8Array,
    singles: boolean,
  ) {
    this.runner = runner
    this.#tickets = tickets
    this.#adversary = adversary
    this.#meter = meter
    this.natural = natural
    this.#singles = singles
  }

  /**
   * Asks every ticket about the natural images, and opens what is kept of an interrupted evaluation.
   * @param kind of evaluation, told apart when one is resumed
   * @param settings beside the adversary, all that results depend on
   * @param singles whether an adversary that attacks all tickets at once is also to attack each alone
   * @throws ConfigError, ShapeError, AbortError
   */
  static async open(
    kind: string,
    tickets: readonly Classifier[],
    split: Split,
    adversary: SwitchAttack,
    options: RunOptions,
    { settings = {}, singles = false }: { settings?: object; singles?: boolean } = {},
  ): Promise<Scorer> {
    checkTickets(tickets)
    const runner = await Runner.open(tickets, split, options)
    const { size } = runner.images
    const { forwards, backwards } = passesOf(adversary, tickets)
    const ofOne = passesOf(adversary, tickets.slice(0, 1))
    const meter = new EvaluationMeter(
      [
        { name: 'natural', work: tickets.length * size },
        ...(adversary.against === 'all'
          ? [{ name: adversary.name, work: (forwards + backwards + tickets.length) * size }]
          : []),
        ...(adversary.against === 'one' || singles ? tickets : []).map((_, r) => ({
          name: `${adversary.name} on ticket ${r + 1}`,
          work: (ofOne.forwards + ofOne.backwards + tickets.length) * size,
        })),
      ],
      options.onProgress,
    )
    const right = await runner.natural(done => meter.report(0, done, size))
    const natural = new Uint8Array(tickets.length * size)
    for (const [k, flags] of right.entries()) natural.set(flags, k * size)
    const { name, eps, norm, against, settings: ofAdversary } = adversary
    await runner.keep(kind, { adversary: { name, eps, norm, against, ...ofAdversary }, ...settings })
    return new Scorer(runner, tickets, adversary, meter, natural, singles)
  }

  /** What was done so far. */
  get effort(): Effort {
    return this.#tally.effort(this.#adversary, this.runner.randomized)
  }

  /**
   * Attacks ticket `r`, or all tickets where the adversary does.
   * @param images their numbers
   * @returns for each ticket, 1 where it is right about an image and about what the attack made of it, [tickets][images]
   */
  async answers(r: number, images: readonly number[]): Promise<readonly Uint8Array[]> {
    const { against, name } = this.#adversary
    const attacked = against === 'one' ? [r] : [...this.#tickets.keys()]
    return this.#attack(attacked, images, { key: `${r}-${name}`, phase: r + 1 })
  }

  /** Attacks the tickets numbered `attacked`, and asks all; see `answers`. */
  async #attack(
    attacked: readonly number[],
    images: readonly number[],
    { key, phase }: { key: string; phase: number },
  ): Promise<readonly Uint8Array[]> {
    const adversary = this.#adversary
    const all = this.#tickets
    const attack: RunnableAttack = {
      name: adversary.name,
      eps: adversary.eps,
      norm: adversary.norm,
      run: (pixels, labels, options) =>
        adversary.run(
          attacked.map(k => all[k]),
          pixels,
          labels,
          options,
        ),
    }
    const target = {
      key,
      attacked,
      images,
      onImages: (done: number) => this.#meter.report(phase, done, images.length),
    }
    const answers = all.map(() => new Uint8Array(images.length))
    let from = 0
    for await (const chunk of this.runner.attack(attack, target, this.#tally)) {
      for (const [k, right] of chunk.verdict.right.entries()) answers[k].set(right, from)
      from += chunk.images.length
    }
    return answers
  }

  /**
   * Each ticket under the adversary's attack on it alone.
   * @param scores of `all`, which holds it where the adversary attacks one ticket at a time
   * @returns 1 where it is right, [tickets][images]; undefined where that was not to be measured
   */
  async alone({ robust, images, tickets }: SwitchScores): Promise<readonly Uint8Array[] | undefined> {
    const numbers = [...this.#tickets.keys()]
    if (this.#adversary.against === 'one') {
      return numbers.map(k => robust.subarray((k * tickets + k) * images, (k * tickets + k + 1) * images))
    }
    if (!this.#singles) return undefined
    const right: Uint8Array[] = []
    for (const k of numbers) {
      const place = { key: `alone-${k}-${this.#adversary.name}`, phase: k + 2 }
      const answers = await this.#attack([k], this.runner.all, place)
      right.push(answers[k])
    }
    return right
  }

  /** Every ticket on the adversarial images of all images. */
  async all(): Promise<SwitchScores> {
    const { size } = this.runner.images
    const tickets = this.#tickets.length
    const rows = rowsOf(this.#adversary, this.#tickets)
    const robust = new Uint8Array(rows * tickets * size)
    for (let r = 0; r < rows; r++) {
      const answers = await this.answers(r, this.runner.all)
      for (const [k, right] of answers.entries()) robust.set(right, (r * tickets + k) * size)
    }
    return { images: size, tickets, rows, natural: this.natural, robust }
  }
}

/** Adversarial images made of each image. */
function rowsOf({ against }: SwitchAttack, tickets: readonly Classifier[]): number {
  return against === 'one' ? tickets.length : 1
}

/** Passes of an image that is never fooled, in one run of the adversary. Of one that does not tell, those of PGD-20. */
function passesOf({ passes, against }: SwitchAttack, tickets: readonly Classifier[]): Passes {
  const attacked = against === 'one' ? 1 : tickets.length
  return passes?.(tickets[0].numClasses, attacked) ?? { forwards: 21, backwards: 20 }
}
