// Projected gradient descent: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks"
// (ICLR 2018). The paper trains with PGD-7 and evaluates with PGD-20.
import { ConfigError } from '../errors.ts'
import { count, flag, number, oneOf } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { type GradientAttack, gradientAttack } from './frame/gradient-attack.ts'
import { type UntargetedLoss, untargetedLosses } from './frame/losses.ts'
import type { StreamName } from './frame/streams.ts'
import { type Norm, normKind, radius, threatModel } from './frame/threat-model.ts'

export interface PgdOptions {
  /** Radius of the ball, pixels in [0, 1]: 8/255 on CIFAR. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /**
   * What is maximised: 'ce', 'dlr' (Croce & Hein, ICML 2020; three classes at least) or 'cw', the margin of Carlini &
   * Wagner with confidence 50; in a targeted run minus the cross-entropy to the target, the targeted DLR (four classes at
   * least) or the margin towards the target. Default 'ce'.
   */
  loss?: UntargetedLoss
  /** Gradient steps, ≥ 1. Default 20. */
  steps?: number
  /** Default eps/4 for L∞ (2/255 at 8/255), 2.5·eps/steps for L2 (Madry's robustness library). */
  stepSize?: number
  /** Random starts; the best result of each image counts. Default 1, the only one without random starts. */
  restarts?: number
  /** Default true; false starts at the image itself. */
  randomStart?: boolean
  /**
   * Move only samples that are still classified right (in a targeted run: not yet as their target), as the official
   * evaluation does (decision D5). Default false.
   */
  onlyCorrect?: boolean
}

export const pgdRows: OptionRows<PgdOptions> = {
  eps: radius,
  norm: normKind,
  loss: oneOf(untargetedLosses),
  steps: count(),
  stepSize: number(0),
  restarts: count(),
  randomStart: flag,
  onlyCorrect: flag,
}

/** @throws ConfigError */
export function pgd(options: PgdOptions): GradientAttack {
  checkOptions('pgd', options, pgdRows)
  const {
    eps,
    norm = 'linf',
    loss = 'ce',
    steps = 20,
    stepSize = norm === 'linf' ? eps / 4 : (2.5 * eps) / steps,
    restarts = 1,
    randomStart = true,
    onlyCorrect = false,
  } = options
  if (!randomStart && restarts > 1) {
    throw new ConfigError(
      `Expected 1 restart without a random start but received ${restarts}: each would repeat the first; leave randomStart out.`,
      'restarts',
    )
  }
  const threat = threatModel({ eps, norm })
  const stream: StreamName = loss === 'ce' ? 'pgd' : `pgd-${loss}`
  const settings = { loss, threat, stepSize, steps, randomStart: randomStart ? stream : null, onlyCorrect }
  return gradientAttack(`${stream}-${steps}`, settings, restarts)
}
