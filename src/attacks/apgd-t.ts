// Targeted Auto-PGD: Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
// Parameter-free Attacks" (ICML 2020), section 5. One APGD run on the targeted DLR loss for each of the likeliest classes.
import { ConfigError } from '../errors.ts'
import { apgdAscent } from './apgd-ascent.ts'
import type { Attack, Warning } from './attack.ts'
import { hostAttack } from './host-attack.ts'
import { descending, leastClasses, losses, topClass } from './losses.ts'
import { lossObjective } from './objective.ts'
import { checkCount } from './option-checks.ts'
import { row } from './oracle.ts'
import { type Norm, threatModel } from './threat-model.ts'
import { Tries } from './tries.ts'

export interface ApgdTOptions {
  /** Radius of the ball, pixels in [0, 1]: 8/255 on CIFAR. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /** Iterations for each target, ≥ 1. Default 100. */
  steps?: number
  /** Target classes of an image: those ranked 2 … targets + 1 on the image itself. Default 9. */
  targets?: number
  /** Runs for each target, from other random starts. Default 1. */
  restarts?: number
}

/**
 * Each run works on the images that none before has fooled, whatever class they are taken for. An image that is never
 * fooled costs targets·restarts·(steps + 1) + 2 forward and targets·restarts·steps backward passes: 911 and 900 (the
 * reference code takes 928 and 909).
 *
 * A model of at most `targets` classes is attacked on all its classes, with the warning 'too-few-classes'; one of fewer
 * than four, where the loss is not defined, is refused.
 * @throws ConfigError
 */
export function apgdT({ eps, norm = 'linf', steps = 100, targets = 9, restarts = 1 }: ApgdTOptions): Attack {
  checkCount('steps', steps)
  checkCount('targets', targets)
  checkCount('restarts', restarts)
  const threat = threatModel({ eps, norm })
  const loss = losses['dlr-targeted']
  return hostAttack({
    name: 'apgd-t',
    threat,
    settings: { steps, targets, restarts },
    passes(classes) {
      const runs = Math.min(targets, classes - 1) * restarts
      return { forwards: 2 + runs * (steps + 1), backwards: runs * steps }
    },
    check({ classes }) {
      if (classes >= leastClasses['dlr-targeted']) return
      throw new ConfigError(
        `Expected a model of at least ${leastClasses['dlr-targeted']} classes for apgd-t but it has ${classes}; use apgd.`,
        'model',
      )
    },
    async attackBatch(oracle, batch) {
      const { imageSize, classes } = oracle
      const tries = new Tries(batch)
      const cleanLogits = await oracle.logits(batch.images)
      const cotangent = new Float64Array(classes)
      const targetsOf = Array.from(batch.labels, (label, n) => {
        const logits = row(cleanLogits, n, classes)
        const others = descending(logits).filter(c => c !== label)
        const image = row(batch.images, n, imageSize)
        tries.offer(n, image, loss(logits, label, cotangent, others[0]), topClass(logits) === label ? 0 : 1)
        return others
      })
      const available = Math.min(targets, classes - 1)
      for (let rank = 0; rank < available; rank++) {
        const objective = lossObjective(oracle, loss, batch.labels, {
          targets: Int32Array.from(targetsOf, others => others[rank]),
        })
        for (let restart = 0; restart < restarts; restart++) {
          const images = tries.standing
          if (images.length === 0) break
          // The runs of more targets or restarts include those of fewer.
          const run = restart * classes + rank
          await apgdAscent(
            { objective, threat, steps, batch, images, start: 'random', run, untilFooled: true },
            tries,
          )
        }
      }
      const { adversarial, bestLoss } = tries
      return { adversarial, bestLoss, warnings: available < targets ? [tooFewClasses(targets, classes)] : [] }
    },
  })
}

function tooFewClasses(targets: number, classes: number): Warning {
  return {
    code: 'too-few-classes',
    message: `The model has ${classes} classes, so each image has ${classes - 1} target classes instead of ${targets}.`,
  }
}
