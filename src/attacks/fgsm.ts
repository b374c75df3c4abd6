// The fast gradient sign method: Goodfellow et al., "Explaining and Harnessing Adversarial Examples" (ICLR 2015);
// with a random start, FGSM-RS: Wong et al., "Fast is better than free" (ICLR 2020).
import { type GradientAttack, gradientAttack } from './gradient-attack.ts'
import { checkStepSize } from './option-checks.ts'
import { type Norm, threatModel } from './threat-model.ts'

export interface FgsmOptions {
  /** Radius of the ball, pixels in [0, 1]. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  stepSize?: number
}

const single = { loss: 'ce', steps: 1, onlyCorrect: false } as const

/** One step from the image itself. Default step size 1.25·eps, clipped to eps (10/255 at 8/255, official code). */
export function fgsm({ eps, norm = 'linf', stepSize = 1.25 * eps }: FgsmOptions): GradientAttack {
  checkStepSize(stepSize)
  const threat = threatModel({ eps, norm })
  return gradientAttack('fgsm', { ...single, threat, stepSize, randomStart: false })
}

/** One step of default size 1.25·eps from a uniform random start. */
export function fgsmRs({ eps, norm = 'linf', stepSize = 1.25 * eps }: FgsmOptions): GradientAttack {
  checkStepSize(stepSize)
  const threat = threatModel({ eps, norm })
  return gradientAttack('fgsm-rs', { ...single, threat, stepSize, randomStart: true })
}
