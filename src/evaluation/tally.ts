// What an attack took over all its images, and what the check of them found.
import type { PartReport, Passes, Warning } from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import type { Verdict } from './verification.ts'

/** What was done, beside the accuracies; passes are those that made the adversarial images. */
export interface Effort extends Passes {
  /**
   * Images that failed the independent check: outside ball or box, or claimed to fool what was attacked, which then
   * answered right. The former count as the natural image, the latter as answered. More than 0 is a fault of the attack,
   * or of a model that does not always answer the same.
   */
  readonly failedChecks: number
  /** Largest norm of a perturbation, in the attack's norm. */
  readonly largestNorm: number
  /** What makes the numbers misleading, if anything. */
  readonly warnings: readonly Warning[]
}

/** What an attack hands back, beside the images. */
export interface AttackEffort extends Passes {
  readonly parts?: readonly PartReport[]
  readonly warnings: readonly Warning[]
}

export class Tally {
  #forwards = 0
  #backwards = 0
  #outside = 0
  #unconfirmed = 0
  #largestNorm = 0
  readonly #parts: PartReport[] = []
  readonly #warnings = new Map<string, Warning>()

  add(result: AttackEffort, verdict: Verdict): void {
    this.#forwards += result.forwards
    this.#backwards += result.backwards
    for (const [p, part] of (result.parts ?? []).entries()) this.#parts[p] = added(part, this.#parts[p])
    for (const warning of result.warnings) this.#warnings.set(warning.code, warning)
    this.#outside += verdict.outside
    this.#unconfirmed += verdict.unconfirmed
    this.#largestNorm = Math.max(this.#largestNorm, verdict.largestNorm)
  }

  /** Of attacks that run others in series, what each of these did. */
  get parts(): readonly PartReport[] {
    return this.#parts
  }

  /**
   * @param attack what was tallied
   * @param randomized whether a model answered at random
   */
  effort({ name, eps, norm }: { name: string; eps: number; norm: Norm }, randomized: boolean): Effort {
    const warnings = new Map(this.#warnings)
    const warn = (code: string, message: string) => warnings.set(code, { code, message })
    if (this.#outside > 0) {
      warn(
        'outside-threat-model',
        `${this.#outside} images of ${name} left the ${norm} ball of ${eps} or the box and were replaced by the natural ones; the attack has a fault.`,
      )
    }
    if (randomized) {
      warn(
        'single-draws',
        'The model answers at random, and single answers decided here: the accuracies are those of one draw. evaluateR2S (rst r2s) computes the expectation.',
      )
    } else if (this.#unconfirmed > 0) {
      warn(
        'unconfirmed',
        `${this.#unconfirmed} images of ${name} were claimed to fool the model, which classified them right when asked again; they count as answered then. Does its answer depend on the batch, or change from pass to pass?`,
      )
    }
    const levels = nearlyLevels(eps, norm)
    if (levels !== null) {
      warn(
        'unusual-eps',
        `eps is ${eps}, which is nearly ${levels}/255: did you mean that? Accuracies under other radii do not compare.`,
      )
    }
    return {
      forwards: this.#forwards,
      backwards: this.#backwards,
      failedChecks: this.#outside + this.#unconfirmed,
      largestNorm: this.#largestNorm,
      warnings: [...warnings.values()],
    }
  }
}

function added(part: PartReport, before?: PartReport): PartReport {
  if (!before) return part
  const sum = (key: Exclude<keyof PartReport, 'name'>) => part[key] + before[key]
  return {
    name: part.name,
    attacked: sum('attacked'),
    broken: sum('broken'),
    forwards: sum('forwards'),
    backwards: sum('backwards'),
    seconds: sum('seconds'),
  }
}

/** The whole number of pixel levels that an L∞ radius is near to, but not: 0.031 for 8/255; else null. */
function nearlyLevels(eps: number, norm: Norm): number | null {
  const levels = Math.round(eps * 255)
  const apart = Math.abs(eps * 255 - levels)
  if (norm !== 'linf' || levels === 0 || apart < 1e-4 || apart > 0.015 * levels || levels > 16) return null
  return levels
}
