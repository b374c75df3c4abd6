// The attacks that AutoAttack is made of, and its versions.
import { apgd } from '../apgd.ts'
import { apgdT } from '../apgd-t.ts'
import { fab } from '../fab.ts'
import type { Attack } from '../frame/attack.ts'
import { leastClasses, mostTargets } from '../frame/losses.ts'
import type { Norm } from '../frame/threat-model.ts'
import { square } from '../square.ts'

/** The attacks that AutoAttack is made of, by name. */
export type AutoAttackPart = 'apgd-ce' | 'apgd-dlr' | 'apgd-t' | 'fab' | 'fab-t' | 'square'
export const partNames: readonly AutoAttackPart[] = [
  'apgd-ce',
  'apgd-dlr',
  'apgd-t',
  'fab',
  'fab-t',
  'square',
]

/** Which series of attacks: see the option `version`. */
export type AutoAttackVersion = 'standard' | 'plus' | 'rand' | 'custom'
export const versionNames: readonly AutoAttackVersion[] = ['standard', 'plus', 'rand', 'custom']

/** Attacks of each version, in the order they run. */
export const versionParts: Readonly<Record<Exclude<AutoAttackVersion, 'custom'>, readonly AutoAttackPart[]>> =
  {
    standard: ['apgd-ce', 'apgd-t', 'fab-t', 'square'],
    plus: ['apgd-ce', 'apgd-dlr', 'fab', 'square', 'apgd-t', 'fab-t'],
    rand: ['apgd-ce', 'apgd-dlr'],
  }

/** Passes over which version 'rand' averages. */
const randomPasses = 20

/** The attack of that name with the settings of a version; those of 'custom' are the standard's. */
export function makePart(
  name: AutoAttackPart,
  version: AutoAttackVersion,
  eps: number,
  norm: Norm,
  classes: number,
): Attack {
  const restarts = version === 'plus' ? 5 : 1
  const eot = version === 'rand' ? randomPasses : 1
  const targets = Math.min(mostTargets, classes - 1)
  switch (name) {
    case 'apgd-ce':
      return apgd({ eps, norm, loss: 'ce', restarts, eot })
    case 'apgd-dlr':
      return apgd({ eps, norm, loss: 'dlr', restarts, eot })
    case 'apgd-t':
      return apgdT({ eps, norm, targets })
    case 'fab':
      return fab({ eps, norm, targeted: false, restarts, untilFooled: true })
    case 'fab-t':
      return fab({ eps, norm, targeted: true, targets, untilFooled: true })
    case 'square':
      return square({ eps, norm })
  }
}

/**
 * The attacks of a version that are defined for so many classes: of three, apgd-dlr stands for apgd-t; of two, neither
 * runs. The reference code warns, and then fails.
 */
export function partsFor(version: Exclude<AutoAttackVersion, 'custom'>, classes: number): AutoAttackPart[] {
  const fitting = versionParts[version].map(name =>
    name === 'apgd-t' && classes < leastClasses['dlr-targeted'] ? 'apgd-dlr' : name,
  )
  return [...new Set(fitting)].filter(name => name !== 'apgd-dlr' || classes >= leastClasses.dlr)
}
