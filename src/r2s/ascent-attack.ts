// Projected gradient ascent on a loss of all tickets together: what the paper's two adaptive attacks share.
import { answerOf } from '../attacks/frame/answer.ts'
import { attackBatches } from '../attacks/frame/batches.ts'
import { row } from '../attacks/frame/oracle.ts'
import { projectedAscent } from '../attacks/frame/projected-gradient.ts'
import { type Norm, normKind, radius, threatModel } from '../attacks/frame/threat-model.ts'
import { count, number } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { type Classifier, deviceOf } from '../nn/classifier.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { checkTickets, type SwitchAttack } from './switch-attack.ts'

export interface AscentOptions {
  /** Radius of the ball, pixels in [0, 1]: 8/255 on CIFAR. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /** Gradient steps, ≥ 1. Default 20. */
  steps?: number
  /** Default as of PGD: eps/4 for L∞, 2.5·eps/steps for L2. */
  stepSize?: number
  /** Random starts; for each image the one that fewest tickets get right counts, then that of largest loss. Default 1. */
  restarts?: number
}

export const ascentRows: OptionRows<AscentOptions> = {
  eps: radius,
  norm: normKind,
  steps: count(),
  stepSize: number(0),
  restarts: count(),
}

/** The gradient to x [N, C, H, W] of a loss of the tickets, of any scale above 0; the caller owns it. */
export type SwitchGradient = (
  tickets: readonly Classifier[],
  x: Tensor,
  labels: Tensor<'i32'>,
) => Tensor | Promise<Tensor>

/**
 * All images move, from a random start (decision D10). Starts and steps are those of `attacks.pgd`, made by the same
 * operations: on a single ticket the images are those of PGD to the bit.
 * @throws ConfigError
 */
export function ascentAttack(name: string, options: AscentOptions, gradientOf: SwitchGradient): SwitchAttack {
  checkOptions(name, options, ascentRows)
  const {
    eps,
    norm = 'linf',
    steps = 20,
    stepSize = norm === 'linf' ? eps / 4 : (2.5 * eps) / steps,
    restarts = 1,
  } = options
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
