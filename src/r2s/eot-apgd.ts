// Auto-PGD (Croce & Hein, ICML 2020) on the expectation over the tickets of a switch: what PGD is to EOT, with a step
// size that adapts. AutoAttack's version for models that answer at random does the same with sampled answers.
import { apgdAscent } from '../attacks/frame/apgd-ascent.ts'
import { type AttackFactory, attackFactory } from '../attacks/frame/attack-row.ts'
import { attackBatches } from '../attacks/frame/batches.ts'
import { losses, topClass } from '../attacks/frame/losses.ts'
import type { Judgement, Objective } from '../attacks/frame/objective.ts'
import { Oracle, row } from '../attacks/frame/oracle.ts'
import { epsRow, normRow, threatModel } from '../attacks/frame/threat-model.ts'
import { Tries } from '../attacks/frame/tries.ts'
import { count } from '../inputs/kinds.ts'
import { type OptionsOf, option } from '../inputs/rows.ts'
import { checkTickets, type SwitchAttack } from './switch-attack.ts'

export const eotApgdRows = {
  eps: epsRow,
  norm: normRow,
  steps: option(count(), 100, 'iterations of each run', { flag: 'steps' }),
  restarts: option(count(), 1, 'random starts', {
    flag: 'restarts',
    more: 'Each on the images that some ticket still gets right.',
  }),
}
/** Options of `adversaries.eotApgd`. */
export type EotApgdOptions = OptionsOf<typeof eotApgdRows>

/**
 * Auto-PGD (Croce & Hein, ICML 2020) on the expectation over the tickets: EOT with a step size that adapts.
 *
 * Maximises the mean of the K cross-entropies. Of all points tried for an image, the image itself among them, the
 * one that fewest tickets get right comes back, and among those the one of largest loss; an image leaves once no
 * ticket is right. On a single ticket it is `attacks.apgd`, to the bit.
 * @throws ConfigError
 * @example
 * import { adversaries, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.eotApgd({ eps: 8 / 255, steps: 20 })
 * const { robustAccuracy } = await evaluateR2S(r2s, test, { adversary, limit: 1000 })
 * console.log(robustAccuracy)
 */
export const eotApgd: AttackFactory<EotApgdOptions, SwitchAttack> = attackFactory(
  {
    name: 'eotApgd',
    title: 'EOT by APGD',
    paper: 'Croce & Hein, ICML 2020',
    options: eotApgdRows,
    targeted: false,
  },
  ({ eps, norm, steps, restarts }) => {
    const threat = threatModel({ eps, norm })
    return {
      name: `eot-apgd-${steps}`,
      eps,
      norm,
      against: 'all',
      settings: { eps, norm, steps, restarts },
      passes: (_, tickets) => ({
        forwards: tickets * (1 + restarts * (steps + 1)),
        backwards: tickets * restarts * steps,
      }),
      async run(tickets, images, labels, options = {}) {
        checkTickets(tickets)
        return attackBatches(
          tickets[0],
          images,
          labels,
          options,
          async (batch, { signal }) => {
            const oracles = tickets.map(ticket => new Oracle(ticket, signal))
            const objective = expectedLoss(oracles, batch.labels)
            const tries = new Tries(batch)
            const all = [...batch.labels.keys()]
            const clean = await objective.evaluate(batch.images, all)
            for (const n of all) {
              tries.offer(n, row(batch.images, n, oracles[0].imageSize), clean.losses[n], clean.fooled[n])
            }
            for (let run = 0; run < restarts && tries.standing.length > 0; run++) {
              const standing = { objective, batch, images: tries.standing, run, threat, steps }
              await apgdAscent({ ...standing, start: 'random', stream: 'apgd-ce', untilFooled: true }, tries)
            }
            return {
              adversarial: tries.adversarial,
              robust: tries.fooled.map(share => (share === 1 ? 0 : 1)),
              bestLoss: tries.bestLoss,
              forwards: oracles.reduce((sum, { forwards }) => sum + forwards, 0),
              backwards: oracles.reduce((sum, { backwards }) => sum + backwards, 0),
              warnings: [],
            }
          },
          { name: 'eotApgd' },
        )
      },
    }
  },
)

/** The mean cross-entropy, its gradient, and the share of tickets that are fooled. */
function expectedLoss(oracles: readonly Oracle[], labels: Int32Array): Objective {
  const share = 1 / oracles.length
  const unused = new Float64Array(oracles[0].classes)
  const judgementOf = (count: number): Judgement => ({
    losses: new Float64Array(count),
    fooled: new Float64Array(count),
  })
  const add = (to: Judgement, n: number, logits: Float32Array, label: number, cotangent: Float64Array) => {
    to.losses[n] += share * losses.ce(logits, label, cotangent, -1)
    if (topClass(logits) !== label) to.fooled[n] += 1
  }
  const mean = (sum: Judgement): Judgement => ({
    losses: sum.losses,
    fooled: sum.fooled.map(count => count / oracles.length),
  })
  return {
    async evaluate(points, images) {
      const sum = judgementOf(images.length)
      for (const oracle of oracles) {
        const logits = await oracle.logits(points)
        for (const [n, image] of images.entries()) {
          add(sum, n, row(logits, n, oracle.classes), labels[image], unused)
        }
      }
      return mean(sum)
    },
    async differentiate(points, images) {
      const sum = judgementOf(images.length)
      const gradient = new Float32Array(points.length)
      for (const oracle of oracles) {
        const own = await oracle.differentiate(points, (n, logits, cotangent) =>
          add(sum, n, logits, labels[images[n]], cotangent),
        )
        for (let j = 0; j < gradient.length; j++) gradient[j] += share * own.gradient[j]
      }
      return { ...mean(sum), gradient }
    },
  }
}
