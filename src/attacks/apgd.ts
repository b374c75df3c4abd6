// Auto-PGD: Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free
// Attacks" (ICML 2020). Gradient ascent with momentum that chooses its own step size.
import { ConfigError } from '../errors.ts'
import { count, flag, oneOf } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { apgdAscent } from './frame/apgd-ascent.ts'
import type { Attack } from './frame/attack.ts'
import { hostAttack } from './frame/host-attack.ts'
import { checkClasses, lossFor, type UntargetedLoss, untargetedLosses } from './frame/losses.ts'
import { lossObjective } from './frame/objective.ts'
import { row } from './frame/oracle.ts'
import { type Norm, normKind, radius, threatModel } from './frame/threat-model.ts'
import { Tries } from './frame/tries.ts'

export interface ApgdOptions {
  /** Radius of the ball, pixels in [0, 1]: 8/255 on CIFAR. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /**
   * What is maximised: 'ce', 'dlr' (three classes at least) or 'cw'; in a targeted run minus the cross-entropy to the
   * target, the targeted DLR (four classes at least) or the margin towards the target. Default 'ce'.
   */
  loss?: UntargetedLoss
  /** Iterations, ≥ 1. Default 100. */
  steps?: number
  /** Runs from other random starts, each on the images that no run before has fooled. Default 1. */
  restarts?: number
  /** 'random' starts on the border of the ball, 'clean' at the image itself, which allows one run. Default 'random'. */
  start?: 'random' | 'clean'
  /**
   * Go on for the largest loss after an image is fooled, and move images that are wrong from the outset. Of the points
   * that fool the model, if there are any, that of the largest loss is returned. Default false: an image is finished
   * once it is fooled, which gives the same robust accuracy for less work.
   */
  bestLoss?: boolean
  /**
   * Passes of each iterate through a model that answers at random, over which loss and gradient are averaged: expectation
   * over transformation (Athalye et al., ICML 2018). Default 1. The reference code averages the gradient alone and takes
   * the loss from the last pass.
   */
  eot?: number
}

export const apgdRows: OptionRows<ApgdOptions> = {
  eps: radius,
  norm: normKind,
  loss: oneOf(untargetedLosses),
  steps: count(),
  restarts: count(),
  start: oneOf(['random', 'clean']),
  bestLoss: flag,
  eot: count(),
}

/**
 * An image that is never fooled costs steps + 3 forward and steps backward passes (103 and 100; the reference code takes
 * 111 and 101): one on the image itself, steps + 1 of the run, one that checks the result. Each further restart costs
 * steps + 1 and steps.
 * @throws ConfigError
 */
export function apgd(options: ApgdOptions): Attack {
  checkOptions('apgd', options, apgdRows)
  const {
    eps,
    norm = 'linf',
    loss = 'ce',
    steps = 100,
    restarts = 1,
    start = 'random',
    bestLoss = false,
    eot = 1,
  } = options
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
}
