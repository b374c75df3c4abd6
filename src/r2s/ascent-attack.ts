// Projected gradient ascent on a loss of all tickets together: what the paper's two adaptive attacks share.
import { answerOf } from '../attacks/frame/answer.ts'
import { type AttackFactory, attackFactory } from '../attacks/frame/attack-row.ts'
import { attackBatches } from '../attacks/frame/batches.ts'
import { row } from '../attacks/frame/oracle.ts'
import { projectedAscent } from '../attacks/frame/projected-gradient.ts'
import { threatModel } from '../attacks/frame/threat-model.ts'
import { pgdRows } from '../attacks/pgd.ts'
import { kebabCase } from '../inputs/names.ts'
import type { Filled, OptionsOf } from '../inputs/rows.ts'
import { type Classifier, deviceOf } from '../nn/classifier.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { checkTickets, type SwitchAttack } from './switch-attack.ts'

const { eps, norm, steps, stepSize, restarts } = pgdRows

export const ascentRows = {
  eps,
  norm,
  steps,
  stepSize,
  restarts: {
    ...restarts,
    more: 'For each image the one that fewest tickets get right counts, then that of largest loss.',
  },
}
/** Options of `adversaries.eot`, `adversaries.ensembleLogits` and `adversaries.ensembleProbs`. */
export type AscentOptions = OptionsOf<typeof ascentRows>

/** The gradient to x [N, C, H, W] of a loss of the tickets, of any scale above 0; the caller owns it. */
export type SwitchGradient = (
  tickets: readonly Classifier[],
  x: Tensor,
  labels: Tensor<'i32'>,
) => Tensor | Promise<Tensor>

/**
 * All images move, from a random start. Starts and steps are those of `attacks.pgd`, made by the same
 * operations: on a single ticket the images are those of PGD to the bit.
 */
export function ascentFactory(
  names: { readonly name: string; readonly title: string; readonly paper: string },
  gradientOf: SwitchGradient,
): AttackFactory<AscentOptions, SwitchAttack> {
  return attackFactory({ ...names, options: ascentRows, targeted: false }, options =>
    ascentAttack(kebabCase(names.name), options, gradientOf),
  )
}

function ascentAttack(
  name: string,
  { eps, norm, steps, stepSize, restarts }: Filled<typeof ascentRows>,
  gradientOf: SwitchGradient,
): SwitchAttack {
  const threat = threatModel({ eps, norm })
  const settings = { threat, stepSize, steps, randomStart: 'pgd' as const }
  /** Of an image. */
  const passesOf = (tickets: number) => ({
    forwards: tickets * restarts * (steps + 1),
    backwards: tickets * restarts * steps,
  })
  return {
    name: `${name}-${steps}`,
    eps,
    norm,
    against: 'all',
    settings: { eps, norm, steps, stepSize, restarts },
    onlyCorrect: false,
    passes: (_, tickets) => passesOf(tickets),
    async run(tickets, images, labels, options = {}) {
      checkTickets(tickets)
      const [model] = tickets
      return attackBatches(
        model,
        images,
        labels,
        options,
        async (batch, { signal, onShare }) => {
          const device = deviceOf(model)
          const { count, seed } = batch
          const imageSize = batch.images.length / count
          using natural = tensor(batch.images, [count, ...model.inputShape], { device })
          using theirLabels = tensor(batch.labels, [count], { dtype: 'i32', device })
          using theirIds = tensor(batch.sampleIds, [count], { dtype: 'i32', device })
          const adversarial = new Float32Array(batch.images)
          const fewest = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
          const largest = new Float64Array(count)
          for (let restart = 0; restart < restarts; restart++) {
            using x = await projectedAscent(
              async at => ({ gradient: await gradientOf(tickets, at, theirLabels) }),
              { images: natural, sampleIds: theirIds, seed, step: restart, signal },
              settings,
            )
            const { right, loss } = await totals(tickets, x, theirLabels)
            const candidates = await x.data()
            for (let i = 0; i < count; i++) {
              const better = right[i] < fewest[i] || (right[i] === fewest[i] && loss[i] > largest[i])
              if (!better) continue
              fewest[i] = right[i]
              largest[i] = loss[i]
              adversarial.set(row(candidates, i, imageSize), i * imageSize)
            }
            onShare((restart + 1) / restarts)
          }
          const { forwards, backwards } = passesOf(tickets.length)
          return {
            adversarial,
            robust: fewest.map(right => (right > 0 ? 1 : 0)),
            bestLoss: largest,
            forwards: count * forwards,
            backwards: count * backwards,
            warnings: [],
          }
        },
        { name },
      )
    },
  }
}

/** For each image, the number of tickets that are right and the sum of their cross-entropies. */
async function totals(
  tickets: readonly Classifier[],
  x: Tensor,
  labels: Tensor<'i32'>,
): Promise<{ right: Float64Array; loss: Float64Array }> {
  const right = new Float64Array(labels.size)
  const loss = new Float64Array(labels.size)
  for (const ticket of tickets) {
    const scored = scope(() => {
      const logits = answerOf(ticket, x)
      return { correct: ops.correct(logits, labels), losses: ops.crossEntropy(logits, labels) }
    })
    using correct = scored.correct
    using losses = scored.losses
    const [rights, values] = [await correct.data(), await losses.data()]
    for (let i = 0; i < right.length; i++) {
      right[i] += rights[i]
      loss[i] += values[i]
    }
  }
  return { right, loss }
}
