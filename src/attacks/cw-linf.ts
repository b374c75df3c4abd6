// PGD on the margin of Carlini & Wagner, as robust training papers call "CW∞": Madry et al., "Towards Deep Learning
// Models Resistant to Adversarial Attacks" (ICLR 2018), Section 5, and their cifar10_challenge. The attack of that name
// in Carlini & Wagner's own paper has no ball.
import { count, number } from '../inputs/kinds.ts'
import { computed, type OptionsOf, option } from '../inputs/rows.ts'
import type { Draws } from '../random/draws.ts'
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { reached } from './frame/goal.ts'
import { hostAttack } from './frame/host-attack.ts'
import { cwLoss, cwTowards } from './frame/losses.ts'
import { row, rows } from './frame/oracle.ts'
import { drawsOf } from './frame/streams.ts'
import { linfEpsRow, pixelSize, type ThreatModel, threatModel } from './frame/threat-model.ts'

export const cwLinfRows = {
  eps: linfEpsRow,
  steps: option(count(), 20, 'gradient steps', { flag: 'steps' }),
  stepSize: option(
    pixelSize,
    computed('eps/4', ({ eps }: { eps: number }) => eps / 4),
    'step size',
    { flag: 'stepSize' },
  ),
  restarts: option(count(), 1, 'random starts', { flag: 'restarts' }),
  kappa: option(number(0), 50, 'the loss is −max(z_y − max_{j≠y} z_j + kappa, 0)', {
    more: 'As an image that is fooled leaves at once, kappa shifts the losses reported but not the search.',
  }),
}
/** Options of `attacks.cwLinf`. */
export type CwLinfOptions = OptionsOf<typeof cwLinfRows>

/**
 * PGD on the margin of Carlini & Wagner, which robust training papers call CW∞ (Madry et al., ICLR 2018, section
 * 5).
 *
 * Each restart starts uniformly in the ball. An image is done at the first point that fools the model, where the
 * reference only looks at the last. bestLoss starts with that of the image itself. In a targeted run the loss is
 * −max(max_{j≠t} z_j − z_t + kappa, 0).
 *
 * Each restart of a never fooled image makes steps + 1 forward and `steps` backward passes, and each image has one
 * forward pass before and one after.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, evaluate, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const cw = attacks.cwLinf({ eps: 8 / 255, steps: 30, restarts: 1 })
 * const { attacks: reports } = await evaluate(ticket, test, { attacks: [cw], limit: 1000 })
 * console.log(reports[0].robustAccuracy)
 */
export const cwLinf: AttackFactory<CwLinfOptions, Attack> = attackFactory(
  { name: 'cwLinf', title: 'CW-L∞', paper: 'Madry et al., ICLR 2018', options: cwLinfRows, norm: 'linf' },
  ({ eps, steps, stepSize, restarts, kappa }) => {
    const threat = threatModel({ eps, norm: 'linf' })
    return hostAttack({
      name: 'cw-linf',
      threat,
      settings: { steps, stepSize, restarts, kappa },
      passes: () => ({ forwards: 2 + restarts * (steps + 1), backwards: restarts * steps }),
      async attackBatch(oracle, batch, natural) {
        const { count, images, labels, targets } = batch
        const { imageSize, classes } = oracle
        const loss = targets ? cwTowards(kappa) : cwLoss(kappa)
        const targetOf = (n: number) => targets?.[n] ?? -1
        const adversarial = new Float32Array(images)
        const bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
        const fooled = new Uint8Array(count)
        const unused = new Float64Array(classes)
        /** Keeps what is best of the points x of the images `active`; says which of the points still go on. */
        const judge = (x: Float32Array, active: readonly number[], logits: Float32Array): number[] => {
          for (const [i, n] of active.entries()) {
            const z = row(logits, i, classes)
            const value = loss(z, labels[n], unused, targetOf(n))
            if (reached(batch, n, z)) fooled[n] = 1
            else if (!(value > bestLoss[n])) continue
            bestLoss[n] = Math.max(bestLoss[n], value)
            adversarial.set(row(x, i, imageSize), n * imageSize)
          }
          return [...active.keys()].filter(i => fooled[active[i]] === 0)
        }

        judge(images, [...labels.keys()], natural)
        for (let restart = 0; restart < restarts; restart++) {
          let active = [...labels.keys()].filter(n => fooled[n] === 0)
          let x = rows(images, active, imageSize)
          for (const [i, n] of active.entries()) {
            startInBall(row(x, i, imageSize), drawsOf('cw-linf', restart, batch, n), threat)
          }
          for (let step = 0; step < steps && active.length > 0; step++) {
            const { logits, gradient } = await oracle.differentiate(x, (i, z, cotangent) => {
              loss(z, labels[active[i]], cotangent, targetOf(active[i]))
            })
            const going = judge(x, active, logits)
            x = rows(x, going, imageSize)
            active = going.map(i => active[i])
            for (const [k, i] of going.entries()) {
              const original = row(images, active[k], imageSize)
              ascend(row(x, k, imageSize), original, row(gradient, i, imageSize), threat, stepSize)
            }
          }
          if (active.length > 0) judge(x, active, await oracle.logits(x))
        }
        return { adversarial, bestLoss }
      },
    })
  },
)

/** Moves an image to a uniform point of the ball, clipped to the box. */
function startInBall(x: Float32Array, draws: Draws, { eps, low, high }: ThreatModel): void {
  for (let i = 0; i < x.length; i++) {
    x[i] = Math.min(high, Math.max(low, x[i] + eps * (2 * draws.uniform() - 1)))
  }
}

/** A step of `stepSize` along the sign of the gradient, clipped to the ball, then to the box. */
function ascend(
  x: Float32Array,
  original: Float32Array,
  gradient: Float32Array,
  { eps, low, high }: ThreatModel,
  stepSize: number,
): void {
  for (let i = 0; i < x.length; i++) {
    const moved = x[i] + stepSize * Math.sign(gradient[i])
    const inBall = Math.min(original[i] + eps, Math.max(original[i] - eps, moved))
    x[i] = Math.min(high, Math.max(low, inBall))
  }
}
