// What an adversary of a random switch is: it knows every ticket, but not which one will answer.
import {
  type Attack,
  type AttackRunOptions,
  type AttackSettings,
  type Passes,
  passesOf,
  type Warning,
} from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import { ConfigError } from '../errors.ts'
import { attackKind } from '../evaluation/subjects.ts'
import { type Kind, required } from '../inputs/kinds.ts'
import { checkOption, describeValue } from '../inputs/options.ts'
import { type Classifier, checkClassifier } from '../nn/classifier.ts'

/** The passes are those through all tickets. */
export interface SwitchAttackResult extends Passes {
  /** Images [N·C·H·W] in [0, 1]. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** 0 where the adversary says that no ticket it attacked is right, [N]; undefined where it says nothing. */
  readonly robust?: ArrayLike<number>
  /** What makes the result misleading, if anything. */
  readonly warnings: readonly Warning[]
}

/** An adversary of a random switch: it knows every ticket, but not which one will answer. */
export interface SwitchAttack {
  /** With its main settings, as reports have it: 'arc-20'. */
  readonly name: string
  /** Radius of its ball, pixels in [0, 1]. */
  readonly eps: number
  /** In which perturbations are measured. */
  readonly norm: Norm
  /**
   * 'one': it attacks one ticket at a time, drawn as blindly as the switch draws its own; the expectation is over both
   * draws. 'all': it makes one image against all tickets.
   */
  readonly against: 'one' | 'all'
  /** All settings. */
  readonly settings?: AttackSettings
  /** Whether only samples that are still classified right move; undefined where the attack does not say. */
  readonly onlyCorrect?: boolean
  /** Passes of an image that is never fooled, through all tickets attacked, by which progress is told. */
  readonly passes?: (classes: number, tickets: number) => Passes
  /**
   * Attacks images.
   * @param tickets those of the switch; a single one where `against` is 'one'
   * @param images [N·C·H·W] in [0, 1]
   * @param labels their classes, [N]
   * @param options seed, batch size, signal and progress
   * @throws ShapeError, ConfigError, AbortError
   */
  run(
    tickets: readonly Classifier[],
    images: Float32Array,
    labels: ArrayLike<number>,
    options?: AttackRunOptions,
  ): Promise<SwitchAttackResult>
}

/**
 * The paper's adversary: any attack, on one ticket drawn at random (Fu et al., NeurIPS 2021, section 6.3). Its
 * expected accuracy is the mean of the transfer matrix.
 * @param attack one of `attacks`, or your own
 * @throws ConfigError for what is no attack
 * @example
 * import { adversaries, attacks, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.random(attacks.pgd({ eps: 8 / 255 }))
 * const { matrix } = await evaluateR2S(r2s, test, { adversary, limit: 1000 })
 * console.log(matrix.length, matrix[0].length) // → 2 2
 */
export function random(attack: Attack): SwitchAttack {
  checkOption('attack', attack, required(attackKind), 'random')
  const { settings } = attack
  const onlyCorrect = typeof settings?.onlyCorrect === 'boolean' ? settings.onlyCorrect : undefined
  return {
    name: attack.name,
    eps: attack.eps,
    norm: attack.norm,
    against: 'one',
    ...(settings && { settings }),
    onlyCorrect,
    passes: classes => passesOf(attack, classes),
    async run(tickets, images, labels, options) {
      checkTickets(tickets)
      return attack.run(tickets[0], images, labels, options)
    },
  }
}

export const switchAttackKind: Kind = {
  expected: 'an adversary',
  accepts(value) {
    const against = (value as SwitchAttack | null)?.against
    return attackKind.accepts(value) && (against === 'one' || against === 'all')
  },
  hint: value =>
    attackKind.accepts(value)
      ? '; an attack on one ticket becomes one by adversaries.random(attack).'
      : '; adversaries.random(attacks.pgd({ eps: 8 / 255 })) makes one.',
}

/** @throws ConfigError where they are no models, or not for the same images */
export function checkTickets(tickets: readonly Classifier[]): void {
  if (!Array.isArray(tickets)) {
    throw new ConfigError(`Expected an array of tickets but received ${describeValue(tickets)}.`, 'tickets')
  }
  if (tickets.length === 0) {
    throw new ConfigError('Expected at least one ticket but received none.', 'tickets')
  }
  for (const [k, ticket] of tickets.entries()) checkClassifier(ticket, `tickets[${k}]`)
  const kind = (c: Classifier) => `images of [${c.inputShape.join(', ')}] and ${c.numClasses} classes`
  const [first] = tickets
  for (const [k, ticket] of tickets.entries()) {
    if (kind(ticket) === kind(first)) continue
    throw new ConfigError(
      `Expected tickets for the same images but ticket ${k + 1} is for ${kind(ticket)} and ticket 1 for ${kind(first)}.`,
      'tickets',
    )
  }
}
