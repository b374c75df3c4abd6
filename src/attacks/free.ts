// Free adversarial training: Shafahi et al., "Adversarial Training for Free!" (NeurIPS 2019), as the official code of
// the paper runs it: each batch is trained on `replays` times, and the noise that the gradients of those very steps
// build up persists from batch to batch.
import { count, number } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { attackStep } from '../tensor/ops/attack.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { InnerAttack, InnerAttackSession } from './frame/inner-attack.ts'
import { linfRadius, threatModel } from './frame/threat-model.ts'

export interface FreeOptions {
  /** L∞ radius, pixels in [0, 1]. */
  eps: number
  /** Default 4. */
  replays?: number
  /** Default eps. */
  stepSize?: number
}

export const freeRows: OptionRows<FreeOptions> = { eps: linfRadius, replays: count(), stepSize: number(0) }

/**
 * For training only.
 * @throws ConfigError
 */
export function free(options: FreeOptions): InnerAttack {
  checkOptions('free', options, freeRows)
  const { eps, replays = 4, stepSize = eps } = options
  const threat = threatModel({ eps })
  // The noise has no box of its own: eps is at most 1.
  const noiseThreat = { ...threat, low: -1, high: 1 }
  const session = (): InnerAttackSession => ({
    state: null,
    async adversarial(_model, { images }) {
      // Batches of another size (the last of an epoch) start from zero noise.
      if (this.state?.shape[0] !== images.shape[0]) {
        this.state?.dispose()
        this.state = outsideScopes(() => ops.full(images.shape, 0, images.device))
      }
      const noise = this.state!
      return scope(() => ops.clip(ops.add(images, noise), threat.low, threat.high))
    },
    update(gradient: Tensor) {
      const noise = this.state!
      this.state = outsideScopes(() =>
        scope(() => {
          const zero = ops.full(noise.shape, 0, noise.device)
          return attackStep(noise, zero, gradient, noiseThreat, stepSize)
        }),
      )
      noise.dispose()
    },
  })
  return { name: 'free', settings: { eps, replays, stepSize }, replays, session }
}
