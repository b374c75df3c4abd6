// Targeted Auto-PGD: Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
// Parameter-free Attacks" (ICML 2020), section 5. One APGD run on the targeted DLR loss for each of the likeliest classes.
import { ConfigError } from '../errors.ts'
import { count } from '../inputs/kinds.ts'
import { type OptionsOf, option } from '../inputs/rows.ts'
import { apgdAscent } from './frame/apgd-ascent.ts'
import type { Attack, Warning } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { reached } from './frame/goal.ts'
import { hostAttack } from './frame/host-attack.ts'
import { descending, leastClasses, losses, lossFor, mostTargets } from './frame/losses.ts'
import { lossObjective } from './frame/objective.ts'
import { row } from './frame/oracle.ts'
import { epsRow, normRow, threatModel } from './frame/threat-model.ts'
import { Tries } from './frame/tries.ts'

export const apgdTRows = {
  eps: epsRow,
  norm: normRow,
  steps: option(count(), 100, 'iterations of each run', { flag: 'steps' }),
  targets: option(
    count(),
    mostTargets,
    'target classes of an image: those ranked 2 … targets + 1 on the image itself',
    {
      more: 'A run that is given `targets` has one for each image.',
    },
  ),
  restarts: option(count(), 1, 'random starts', { flag: 'restarts', more: 'For each target.' }),
}
/** Options of `attacks.apgdT`. */
export type ApgdTOptions = OptionsOf<typeof apgdTRows>

/**
 * One APGD run on the targeted DLR loss for each of the likeliest classes (Croce & Hein, ICML 2020, section 5).
 *
 * Each run works on the images that none before has fooled, whatever class they are taken for. An image that is
 * never fooled costs targets·restarts·(steps + 1) + 2 forward and targets·restarts·steps backward passes: 911 and 900
 * (the reference code takes 928 and 909).
 *
 * A model of at most `targets` classes is attacked on all its classes, with the warning 'too-few-classes'; one of
 * fewer than four, where the loss is not defined, is refused.
 *
 * A run that is given `targets` goes towards these alone, on the loss of `apgd` with 'dlr', until the image is taken
 * for its target.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, evaluate, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const apgdT = attacks.apgdT({ eps: 8 / 255, targets: 3, steps: 20 })
 * const { attacks: reports } = await evaluate(ticket, test, { attacks: [apgdT], limit: 1000 })
 * console.log(reports[0].robustAccuracy, reports[0].forwards)
 */
export const apgdT: AttackFactory<ApgdTOptions, Attack> = attackFactory(
  { name: 'apgdT', title: 'APGD-T', paper: 'Croce & Hein, ICML 2020', options: apgdTRows },
  ({ eps, norm, steps, targets, restarts }) => {
    const threat = threatModel({ eps, norm })
    return hostAttack({
      name: 'apgd-t',
      threat,
      settings: { steps, targets, restarts },
      passes(classes, targeted) {
        const runs = (targeted ? 1 : Math.min(targets, classes - 1)) * restarts
        return { forwards: 2 + runs * (steps + 1), backwards: runs * steps }
      },
      check({ numClasses }) {
        if (numClasses >= leastClasses['dlr-targeted']) return
        throw new ConfigError(
          `Expected a model of at least ${leastClasses['dlr-targeted']} classes for apgd-t but it has ${numClasses}; use apgd.`,
          'model',
        )
      },
      async attackBatch(oracle, batch, natural) {
        const { imageSize, classes } = oracle
        const toTarget = batch.targets !== undefined
        const loss = toTarget ? lossFor('dlr', true) : losses['dlr-targeted']
        const tries = new Tries(batch)
        const cotangent = new Float64Array(classes)
        const targetsOf = Array.from(batch.labels, (label, n) => {
          const logits = row(natural, n, classes)
          const others = toTarget ? [batch.targets[n]] : descending(logits).filter(c => c !== label)
          const image = row(batch.images, n, imageSize)
          const value = loss(logits, label, cotangent, others[0])
          tries.offer(n, image, value, reached(batch, n, logits) ? 1 : 0)
          return others
        })
        const available = toTarget ? 1 : Math.min(targets, classes - 1)
        for (let rank = 0; rank < available; rank++) {
          const objective = lossObjective(oracle, loss, batch.labels, {
            targets: Int32Array.from(targetsOf, others => others[rank]),
            toTarget,
          })
          for (let restart = 0; restart < restarts; restart++) {
            const images = tries.standing
            if (images.length === 0) break
            // The runs of more targets or restarts include those of fewer.
            const run = restart * classes + rank
            await apgdAscent(
              {
                objective,
                threat,
                steps,
                batch,
                images,
                start: 'random',
                stream: 'apgd-t',
                run,
                untilFooled: true,
              },
              tries,
            )
          }
        }
        const { adversarial, bestLoss } = tries
        return {
          adversarial,
          bestLoss,
          warnings: !toTarget && available < targets ? [tooFewClasses(targets, classes)] : [],
        }
      },
    })
  },
)

function tooFewClasses(targets: number, classes: number): Warning {
  return {
    code: 'too-few-classes',
    message: `The model has ${classes} classes, so each image has ${classes - 1} target classes instead of ${targets}.`,
  }
}
