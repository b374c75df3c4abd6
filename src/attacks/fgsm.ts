// The fast gradient sign method: Goodfellow et al., "Explaining and Harnessing Adversarial Examples" (ICLR 2015);
// with a random start, FGSM-RS: Wong et al., "Fast is better than free" (ICLR 2020).
import { number } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { type GradientAttack, gradientAttack } from './frame/gradient-attack.ts'
import { type Norm, normKind, radius, threatModel } from './frame/threat-model.ts'

export interface FgsmOptions {
  /** Radius of the ball, pixels in [0, 1]. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  stepSize?: number
}

export const fgsmRows: OptionRows<FgsmOptions> = { eps: radius, norm: normKind, stepSize: number(0) }

/**
 * One step from the image itself. Default step size 1.25·eps, clipped to eps (10/255 at 8/255, official code).
 * @throws ConfigError
 */
export function fgsm(options: FgsmOptions): GradientAttack {
  return singleStep('fgsm', 'fgsm', options, null)
}

/**
 * One step of default size 1.25·eps from a uniform random start.
 * @throws ConfigError
 */
export function fgsmRs(options: FgsmOptions): GradientAttack {
  return singleStep('fgsmRs', 'fgsm-rs', options, 'fgsm-rs')
}

function singleStep(
  owner: string,
  name: string,
  options: FgsmOptions,
  randomStart: 'fgsm-rs' | null,
): GradientAttack {
  checkOptions(owner, options, fgsmRows)
  const { eps, norm = 'linf', stepSize = 1.25 * eps } = options
  const threat = threatModel({ eps, norm })
  return gradientAttack(name, { loss: 'ce', steps: 1, onlyCorrect: false, threat, stepSize, randomStart })
}
