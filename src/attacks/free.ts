// Free adversarial training: Shafahi et al., "Adversarial Training for Free!" (NeurIPS 2019), as the official code of
// the paper runs it: each batch is trained on `replays` times, and the noise that the gradients of those very steps
// build up persists from batch to batch.
import { count } from '../inputs/kinds.ts'
import { computed, type OptionsOf, option } from '../inputs/rows.ts'
import { attackStep } from '../tensor/ops/attack.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import type { InnerAttack, InnerAttackSession } from './frame/inner-attack.ts'
import { linfEpsRow, pixelSize, threatModel } from './frame/threat-model.ts'

export const freeRows = {
  eps: linfEpsRow,
  replays: option(count(), 4, 'times that each batch is trained on', { flag: 'steps' }),
  stepSize: option(
    pixelSize,
    computed('eps', ({ eps }: { eps: number }) => eps),
    'step size',
    { flag: 'stepSize' },
  ),
}
/** Options of `attacks.free`. */
export type FreeOptions = OptionsOf<typeof freeRows>

/**
 * Free adversarial training (Shafahi et al., NeurIPS 2019, Algorithm 1), for training only: each batch is trained on
 * `replays` times, and the noise that the gradients of those steps build up stays from batch to batch.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, trainDense } from 'rst-native'
 * const data = await datasets.cifar10()
 * const inner = attacks.free({ eps: 8 / 255, replays: 4 })
 * const { model } = await trainDense({ arch: 'conv2', width: 0.25, data, inner, epochs: 1, batchSize: 128 })
 * console.log(model.metadata.arch) // → conv2
 */
export const free: AttackFactory<FreeOptions, InnerAttack> = attackFactory(
  {
    name: 'free',
    title: 'free adversarial training',
    paper: 'Shafahi et al., NeurIPS 2019',
    options: freeRows,
    targeted: false,
    commands: {},
    training: {},
  },
  ({ eps, replays, stepSize }) => {
    const threat = threatModel({ eps, norm: 'linf' })
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
  },
)
