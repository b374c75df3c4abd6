// Attacks by the names and options of the command line: one row an attack, by which it is made and other options refused.
import type { Attack } from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import * as attacks from '../attacks/index.ts'
import { ConfigError } from '../errors.ts'
import { checkApplicable, type Reader } from './applicable.ts'
import type { AttackOptions, EvaluationAttackName } from './attack-options.ts'

/** Options that some attacks read. All read eps and the norm. */
export type AttackSetting = 'loss' | 'stepSize' | 'steps' | 'restarts' | 'queries' | 'onlyCorrect'

interface AttackRow extends Reader {
  readonly reads: readonly AttackSetting[]
  /** The only norm, where there is but one. */
  readonly norm?: Norm
  /** @param settings eps, the norm and what the row reads */
  readonly make: (settings: Pick<AttackOptions, AttackSetting | 'norm'> & { eps: number }) => Attack
}

const apgd = (loss: 'ce' | 'dlr'): AttackRow => ({
  reads: ['steps', 'restarts'],
  make: settings => attacks.apgd({ ...settings, loss }),
})
const fab = (targeted: boolean): AttackRow => ({
  reads: ['steps', 'restarts'],
  make: settings => attacks.fab({ ...settings, targeted }),
})

export const attackRows: Readonly<Record<EvaluationAttackName, AttackRow>> = {
  pgd: {
    reads: ['loss', 'stepSize', 'steps', 'restarts', 'onlyCorrect'],
    make: settings => attacks.pgd(settings),
  },
  fgsm: { reads: ['stepSize'], make: settings => attacks.fgsm(settings) },
  'fgsm-rs': { reads: ['stepSize'], make: settings => attacks.fgsmRs(settings) },
  fab: fab(false),
  'fab-t': fab(true),
  'cw-linf': {
    reads: ['stepSize', 'steps', 'restarts'],
    norm: 'linf',
    make: ({ norm, ...settings }) => attacks.cwLinf(settings),
  },
  'cw-l2': {
    reads: ['steps'],
    norm: 'l2',
    make: ({ eps, steps }) => attacks.cwL2({ eps, iterations: steps }),
  },
  square: { reads: ['queries', 'restarts'], make: settings => attacks.square(settings) },
  bandits: { reads: ['queries'], make: settings => attacks.bandits(settings) },
  'apgd-ce': apgd('ce'),
  'apgd-dlr': apgd('dlr'),
  'apgd-t': { reads: ['steps', 'restarts'], make: settings => attacks.apgdT(settings) },
  autoattack: { reads: [], make: settings => attacks.autoAttack(settings) },
  'autoattack-plus': {
    reads: [],
    make: settings => attacks.autoAttack({ ...settings, version: 'plus' }),
  },
}

/** @throws ConfigError for a norm that the attack is not for, or settings out of range */
export function makeAttack(name: EvaluationAttackName, options: AttackOptions, eps: number): Attack {
  const { norm: only, reads, make } = attackRows[name]
  const { norm } = options
  if (only !== undefined && norm !== only) {
    throw new ConfigError(`--attack ${name} is for --norm ${only} only.`, 'norm')
  }
  const read = Object.fromEntries(reads.map(setting => [setting, options[setting]]))
  return make({ eps, norm, ...read } as Parameters<typeof make>[0])
}

/**
 * With several attacks an option must be read by one of them.
 * @param given as of `checkApplicable`
 * @throws ConfigError for an option that no attack reads
 */
export function checkAttackFlags(
  { attack }: { attack: EvaluationAttackName | readonly EvaluationAttackName[] },
  given: ReadonlySet<string>,
): void {
  checkApplicable(given, '--attack', typeof attack === 'string' ? [attack] : attack, attackRows)
}
