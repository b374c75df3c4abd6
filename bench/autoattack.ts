// AutoAttack on images that withstand it, and how many passes that takes.
import { apgd, apgdT, autoAttack, fab, square } from '../src/attacks/index.ts'
import type { Network } from '../src/nn/network.ts'
import * as ops from '../src/tensor/ops/index.ts'
import { scope } from '../src/tensor/scope.ts'
import type { Task } from './stopwatch.ts'
import type { Workbench } from './workbench.ts'

/** So small that no image is fooled: each goes through all attacks, as the robust ones of an evaluation do. */
const eps = 1e-6
/** Of the iterations and queries of `standard`. */
const share = 1 / 20
const steps = 100 * share

/** Few, since each passes five hundred times. */
export const autoAttackImages = 32

/** The attacks of `standard` with a twentieth of their budgets each, so that their passes have its proportions. */
const attack = autoAttack({
  eps,
  version: 'custom',
  attacks: [
    apgd({ eps, steps }),
    apgdT({ eps, steps, targets: 9 }),
    fab({ eps, steps, targets: 9 }),
    square({ eps, queries: 5000 * share }),
  ],
  checks: false,
})

/** Of one image of ten classes; each backward pass follows one of the forward passes. */
export const autoAttackPasses = attack.passes!(10)

/** The labels are what the network answers. */
export function autoAttackTask({ images, training }: Workbench, network: Network): Task {
  network.mode = 'eval'
  const batchSize = images.images.shape[0]
  return {
    async run(iterations) {
      for (let i = 0; i < iterations; i++) {
        using answers = scope(() => ops.argmax(network.logits(images.images)))
        const { forwards, robust } = await attack.run(network, images.images, await answers.data(), {
          batchSize,
          seed: training.seed,
        })
        if (forwards !== batchSize * autoAttackPasses.forwards || robust.includes(0)) {
          throw new Error('AutoAttack broke an image or made other passes than it was to.')
        }
      }
    },
    dispose: () => network.dispose(),
  }
}
