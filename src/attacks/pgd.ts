// Projected gradient descent: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks"
// (ICLR 2018). The paper trains with PGD-7 and evaluates with PGD-20.
import { ConfigError } from '../errors.ts'
import { count, flag, oneOf } from '../inputs/kinds.ts'
import { computed, type OptionsOf, option } from '../inputs/rows.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { type GradientAttack, gradientAttack } from './frame/gradient-attack.ts'
import { untargetedLosses } from './frame/losses.ts'
import type { StreamName } from './frame/streams.ts'
import { epsRow, type Norm, normRow, pixelSize, threatModel } from './frame/threat-model.ts'

export const pgdRows = {
  eps: epsRow,
  norm: normRow,
  loss: option(oneOf(untargetedLosses), 'ce', 'what is maximised', {
    flag: 'loss',
    more: "The cross-entropy; the DLR of Croce & Hein (ICML 2020; three classes at least); or 'cw', the margin of Carlini & Wagner with confidence 50. In a targeted run minus the cross-entropy to the target, the targeted DLR (four classes at least) or the margin towards the target.",
  }),
  steps: option(count(), 20, 'gradient steps', { flag: 'steps' }),
  stepSize: option(
    pixelSize,
    computed(
      'eps/4 (in l2 2.5·eps/steps)',
      ({ eps, norm, steps }: { eps: number; norm: Norm; steps: number }) =>
        norm === 'linf' ? eps / 4 : (2.5 * eps) / steps,
    ),
    'step size',
    { flag: 'stepSize', more: "2/255 at 8/255; for L2 that of Madry's robustness library." },
  ),
  restarts: option(count(), 1, 'random starts', {
    flag: 'restarts',
    more: 'The best result of each image counts. Without random start there is but one.',
  }),
  randomStart: option(flag, true, 'start at random in the ball; false: at the image itself'),
  onlyCorrect: option(flag, false, 'move only images that are still classified right, as the official code', {
    flag: 'onlyCorrect',
    more: 'In a targeted run those that are not yet classified as their target.',
  }),
}
/** Options of `attacks.pgd`. */
export type PgdOptions = OptionsOf<typeof pgdRows>

/**
 * Projected gradient descent (Madry et al., ICLR 2018): steps along the gradient of the loss from a random start,
 * projected back into the ball. The paper trains with 7 steps, which is the default of a training, and evaluates with
 * 20.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, evaluate, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const pgd = attacks.pgd({ eps: 8 / 255, steps: 20, restarts: 2 })
 * console.log(pgd.name, pgd.settings?.stepSize) // → pgd-20 0.00784
 * const { attacks: reports } = await evaluate(ticket, test, { attacks: [pgd], limit: 1000 })
 * console.log(reports[0].robustAccuracy)
 */
export const pgd: AttackFactory<PgdOptions, GradientAttack> = attackFactory(
  {
    name: 'pgd',
    title: 'PGD',
    paper: 'Madry et al., ICLR 2018',
    options: pgdRows,
    // The paper trains with PGD-7 and evaluates with PGD-20.
    training: { steps: 7 },
  },
  ({ eps, norm, loss, steps, stepSize, restarts, randomStart, onlyCorrect }) => {
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
  },
)
