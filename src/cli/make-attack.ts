// Attacks by the names and options of the command line.
import type { Attack } from '../attacks/frame/attack.ts'
import { attackCommands } from '../attacks/table.ts'
import { ConfigError } from '../errors.ts'
import { checkApplicable } from './applicable.ts'
import type { AttackOptions } from './attack-options.ts'
import { readersOf, settingsFrom } from './named-attack.ts'

export const attackReaders = readersOf(attackCommands)

/** @throws ConfigError for a norm that the attack is not for, or settings out of range */
export function makeAttack(name: string, options: AttackOptions, eps: number): Attack {
  const attack = attackCommands[name]
  const { norm: only } = attack.row
  const { norm } = options
  if (only !== undefined && norm !== only) {
    throw new ConfigError(`--attack ${name} is for --norm ${only} only.`, 'norm')
  }
  return attack.make({ eps, ...(only === undefined && { norm }), ...settingsFrom(attack, { ...options }) })
}

/**
 * With several attacks an option must be read by one of them.
 * @param given as of `checkApplicable`
 * @throws ConfigError for an option that no attack reads
 */
export function checkAttackFlags(
  { attack }: { attack: string | readonly string[] },
  given: ReadonlySet<string>,
): void {
  checkApplicable(given, '--attack', typeof attack === 'string' ? [attack] : attack, attackReaders)
}
