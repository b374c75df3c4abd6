// Adversaries of a switch by the names and options of the command line.
import * as adversaries from '../r2s/adversaries.ts'
import { adversaryCommands } from '../r2s/adversary-table.ts'
import type { SwitchAttack } from '../r2s/switch-attack.ts'
import { checkApplicable, type Reader } from './applicable.ts'
import type { R2SOptions } from './attack-options.ts'
import { attackReaders, checkAttackFlags, makeAttack } from './make-attack.ts'
import { readersOf, settingsFrom } from './named-attack.ts'

/** What each adversary, or its evaluation, reads: random all that its attack does. */
export const adversaryReaders: Readonly<Record<string, Reader>> = {
  random: {
    reads: ['attack', 'simulate', ...new Set(Object.values(attackReaders).flatMap(({ reads }) => reads))],
    notes: { singles: 'random attacks each ticket alone anyway' },
  },
  ...Object.fromEntries(
    Object.entries(readersOf(adversaryCommands)).map(([name, { reads, notes }]) => [
      name,
      { reads: [...reads, 'singles'], notes },
    ]),
  ),
}

/** @throws ConfigError for an option that neither the adversary nor its attack reads */
export function checkAdversaryFlags(options: R2SOptions, given: ReadonlySet<string>): void {
  checkApplicable(given, '--adversary', [options.adversary], adversaryReaders)
  if (options.adversary === 'random') checkAttackFlags(options, given)
}

/** @throws ConfigError for settings out of range */
export function makeAdversary(options: R2SOptions, eps: number): SwitchAttack {
  const { adversary, norm } = options
  if (adversary === 'random') return adversaries.random(makeAttack(options.attack, options, eps))
  const named = adversaryCommands[adversary]
  return named.make({ eps, norm, ...settingsFrom(named, { ...options }) })
}
