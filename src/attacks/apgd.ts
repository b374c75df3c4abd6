// Auto-PGD: Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free
// Attacks" (ICML 2020). Gradient ascent with momentum that chooses its own step size.
import { ConfigError } from '../errors.ts'
import { count, flag, oneOf } from '../inputs/kinds.ts'
import { type OptionsOf, option } from '../inputs/rows.ts'
import { apgdAscent } from './frame/apgd-ascent.ts'
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { hostAttack } from './frame/host-attack.ts'
import { checkClasses, lossFor, untargetedLosses } from './frame/losses.ts'
import { lossObjective } from './frame/objective.ts'
import { row } from './frame/oracle.ts'
import { epsRow, normRow, threatModel } from './frame/threat-model.ts'
import { Tries } from './frame/tries.ts'

export const apgdRows = {
  eps: epsRow,
  norm: normRow,
  loss: option(oneOf(untargetedLosses), 'ce', 'what is maximised', {
    more: 'As of pgd.',
  }),
  steps: option(count(), 100, 'iterations of each run', { flag: 'steps' }),
  restarts: option(count(), 1, 'random starts', {
    flag: 'restarts',
    more: 'Each on the images that no run before has fooled.',
  }),
  start: option(
    oneOf(['random', 'clean']),
    'random',
    'start on the border of the ball, or at the image itself, which allows one run',
  ),
  bestLoss: option(flag, false, 'go on for the largest loss after an image is fooled', {
    more: 'Moves images that are wrong from the outset too; of the points that fool the model, if there are any, that of the largest loss is returned. With false an image is finished once it is fooled, which gives the same robust accuracy for less work.',
  }),
  eot: option(count(), 1, 'passes of each iterate through a model that answers at random', {
    more: 'Loss and gradient are averaged over them: expectation over transformation (Athalye et al., ICML 2018). The reference code averages the gradient alone and takes the loss from the last pass.',
  }),
}
/** Options of `attacks.apgd`. */
export type ApgdOptions = OptionsOf<typeof apgdRows>

/**
 * Gradient ascent with momentum that chooses its own step size (Croce & Hein, ICML 2020, Algorithm 1).
 *
 * An image that is never fooled costs steps + 3 forward and steps backward passes (103 and 100; the reference code
 * takes 111 and 101): one on the image itself, steps + 1 of the run, one that checks the result. Each further restart
 * costs steps + 1 and steps.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, evaluate, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const apgd = attacks.apgd({ eps: 8 / 255, loss: 'dlr', steps: 50 })
 * const { attacks: reports } = await evaluate(ticket, test, { attacks: [apgd], limit: 1000 })
 * console.log(reports[0].name, reports[0].robustAccuracy)
 */
export const apgd: AttackFactory<ApgdOptions, Attack> = attackFactory(
  {
    name: 'apgd',
    title: 'APGD',
    paper: 'Croce & Hein, ICML 2020',
    options: apgdRows,
    commands: { 'apgd-ce': { loss: 'ce' }, 'apgd-dlr': { loss: 'dlr' } },
  },
  ({ eps, norm, loss, steps, restarts, start, bestLoss, eot }) => {
    if (start === 'clean' && restarts > 1) {
      throw new ConfigError(
        `Expected 1 restart with start 'clean' but received ${restarts}: each would repeat the first; use start 'random'.`,
        'restarts',
      )
    }
    const threat = threatModel({ eps, norm })
    return hostAttack({
      name: `apgd-${loss}`,
      threat,
      settings: { loss, steps, restarts, start, bestLoss, eot },
      passes: () => ({
        forwards: 1 + eot * (1 + restarts * (steps + 1)),
        backwards: eot * restarts * steps,
      }),
      check: ({ numClasses }, targeted) => checkClasses(loss, numClasses, targeted),
      async attackBatch(oracle, batch, natural) {
        const { imageSize } = oracle
        const { targets } = batch
        const tries = new Tries(batch)
        const targeted = targets !== undefined
        const objective = lossObjective(oracle, lossFor(loss, targeted), batch.labels, {
          targets,
          toTarget: targeted,
          passes: eot,
        })
        const all = Array.from(batch.labels, (_, n) => n)
        const clean = await objective.evaluate(batch.images, all, natural)
        if (start === 'random' && !bestLoss) {
          for (const n of all) {
            tries.offer(n, row(batch.images, n, imageSize), clean.losses[n], clean.fooled[n])
          }
        }
        for (let run = 0; run < restarts; run++) {
          const images = bestLoss ? all : tries.standing
          if (images.length === 0) break
          const stream = `apgd-${loss}` as const
          const settings = {
            objective,
            threat,
            steps,
            batch,
            images,
            start,
            stream,
            run,
            untilFooled: !bestLoss,
          }
          await apgdAscent(settings, tries)
        }
        const { adversarial, bestLoss: largest } = tries
        const right = eot > 1 && !targeted ? clean.fooled.map(fooled => 1 - fooled) : undefined
        return { adversarial, bestLoss: largest, ...(right && { right }) }
      },
    })
  },
)
