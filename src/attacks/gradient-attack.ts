// A projected-gradient attack as evaluation attack and as inner attack of a search.

import * as ops from '../tensor/ops/index.ts'
import type { Attack, AttackResult, AttackRunOptions } from './attack.ts'
import { attackBatches } from './batches.ts'
import type { InnerAttack } from './inner-attack.ts'
import { type ProjectedGradient, projectedGradient } from './projected-gradient.ts'

export type GradientAttack = Attack & InnerAttack

/** `restarts` > 1 tries again from other starts and keeps, for each image, the result of largest loss or a success. */
export function gradientAttack(name: string, settings: ProjectedGradient, restarts = 1): GradientAttack {
  const { threat, stepSize, steps, randomStart, onlyCorrect } = settings
  return {
    name,
    eps: threat.eps,
    norm: threat.norm,
    settings: { eps: threat.eps, norm: threat.norm, stepSize, steps, randomStart, onlyCorrect, restarts },
    replays: 1,
    session: () => ({
      adversarial: (model, batch) => projectedGradient(model, { ...batch, step: batch.epoch }, settings),
    }),
    run: (model, images, labels, options: AttackRunOptions = {}): Promise<AttackResult> =>
      attackBatches(model, images, labels, options, async (batch, result) => {
        for (let restart = 0; restart < restarts; restart++) {
          const x = await projectedGradient(
            model,
            { ...batch, seed: options.seed ?? 0, step: restart },
            settings,
          )
          const logits = model.logits(x)
          const losses = ops.crossEntropy(logits, batch.labels)
          const correct = ops.correct(logits, batch.labels)
          result.keepBetter(await x.data(), await losses.data(), await correct.data())
          result.count({ forwards: steps + 1, backwards: steps })
          for (const tensor of [x, logits, losses, correct]) tensor.dispose()
        }
      }),
  }
}
