// Attacks by the names and options of the command line.
import type { Attack } from '../attacks/attack.ts'
import type { Norm } from '../attacks/threat-model.ts'
import { ConfigError } from '../errors.ts'
import type { AttackOptions, evaluationAttackNames } from './attack-options.ts'
import type { Library } from './library.ts'

/**
 * Options that the attack does not have are left out.
 * @throws ConfigError for a norm that the attack is not for, or settings out of range
 */
export function makeAttack(
  name: (typeof evaluationAttackNames)[number],
  options: AttackOptions,
  eps: number,
  { attacks }: Library,
): Attack {
  const { stepSize, steps, restarts, queries, norm, loss, onlyCorrect } = options
  switch (name) {
    case 'pgd':
      return attacks.pgd({ eps, norm, loss, stepSize, steps, restarts, onlyCorrect })
    case 'fgsm':
      return attacks.fgsm({ eps, stepSize, norm })
    case 'fgsm-rs':
      return attacks.fgsmRs({ eps, stepSize, norm })
    case 'square':
      return attacks.square({ eps, norm, queries, restarts })
    case 'bandits':
      return attacks.bandits({ eps, norm, queries })
    case 'fab':
    case 'fab-t':
      return attacks.fab({ eps, norm, steps, restarts, targeted: name === 'fab-t' })
    case 'cw-linf':
      checkNorm(name, 'linf', norm)
      return attacks.cwLinf({ eps, stepSize, steps, restarts })
    case 'cw-l2':
      checkNorm(name, 'l2', norm)
      return attacks.cwL2({ eps, iterations: steps })
    case 'apgd-ce':
      return attacks.apgd({ eps, norm, loss: 'ce', steps, restarts })
    case 'apgd-dlr':
      return attacks.apgd({ eps, norm, loss: 'dlr', steps, restarts })
    case 'apgd-t':
      return attacks.apgdT({ eps, norm, steps, restarts })
    case 'autoattack':
      return attacks.autoAttack({ eps, norm })
    case 'autoattack-plus':
      return attacks.autoAttack({ eps, norm, version: 'plus' })
  }
}

function checkNorm(name: string, only: Norm, norm: Norm): void {
  if (norm !== only) throw new ConfigError(`--attack ${name} is for --norm ${only} only.`, 'norm')
}
