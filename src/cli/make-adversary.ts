// Adversaries of a switch by the names and options of the command line: one row an adversary.
import * as adversaries from '../r2s/adversaries.ts'
import type { SwitchAttack } from '../r2s/switch-attack.ts'
import { checkApplicable, type Reader } from './applicable.ts'
import type { adversaryNames, R2SOptions } from './attack-options.ts'
import { type AttackSetting, attackRows, checkAttackFlags, makeAttack } from './make-attack.ts'

type AdversaryName = (typeof adversaryNames)[number]
type AdversarySetting = AttackSetting | 'attack' | 'simulate'

type AdversarySettings = Pick<R2SOptions, 'norm' | 'steps' | 'stepSize'> & { eps: number; restarts?: number }

interface AdversaryRow extends Reader {
  readonly reads: readonly AdversarySetting[]
  /** @param settings eps, the norm and what the row reads; those of `random` are its attack's */
  readonly make: (settings: AdversarySettings) => SwitchAttack
}

type KnowsAll = Exclude<AdversaryName, 'random'>

const knowingAll: Readonly<Record<KnowsAll, AdversaryRow>> = {
  eot: {
    reads: ['stepSize', 'steps', 'restarts'],
    make: settings => adversaries.eot(settings),
  },
  'eot-apgd': {
    reads: ['steps', 'restarts'],
    make: settings => adversaries.eotApgd(settings),
  },
  'ensemble-logits': {
    reads: ['stepSize', 'steps', 'restarts'],
    make: settings => adversaries.ensembleLogits(settings),
  },
  'ensemble-probs': {
    reads: ['stepSize', 'steps', 'restarts'],
    make: settings => adversaries.ensembleProbs(settings),
  },
  arc: {
    reads: ['stepSize', 'steps'],
    notes: { restarts: 'it draws nothing, so --restarts would repeat it' },
    make: settings => adversaries.arc(settings),
  },
}

/** What each adversary, or its evaluation, reads: random all that its attack does. */
export const adversaryReaders: Readonly<Record<AdversaryName, Reader>> = {
  random: {
    reads: ['attack', 'simulate', ...new Set(Object.values(attackRows).flatMap(({ reads }) => reads))],
    notes: { singles: 'random attacks each ticket alone anyway' },
  },
  ...(Object.fromEntries(
    Object.entries(knowingAll).map(([name, { reads, notes = {} }]) => [
      name,
      { reads: [...reads, 'singles'], notes },
    ]),
  ) as Readonly<Record<string, Reader>> as Record<KnowsAll, Reader>),
}

/** @throws ConfigError for an option that neither the adversary nor its attack reads */
export function checkAdversaryFlags(options: R2SOptions, given: ReadonlySet<string>): void {
  checkApplicable(given, '--adversary', [options.adversary], adversaryReaders)
  if (options.adversary === 'random') checkAttackFlags(options, given)
}

/** @throws ConfigError for settings out of range */
export function makeAdversary(options: R2SOptions, eps: number): SwitchAttack {
  const { adversary, norm } = options
  if (adversary === 'random') {
    return adversaries.random(makeAttack(options.attack, options, eps))
  }
  const { reads, make } = knowingAll[adversary]
  const read = Object.fromEntries(reads.map(setting => [setting, options[setting]]))
  return make({ eps, norm, ...read })
}
