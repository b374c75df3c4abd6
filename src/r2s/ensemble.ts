// The paper's Ensemble attack (Sec. 6.3): PGD on "the averaged results of all candidate RSTs". The paper does not say
// whether logits or probabilities are averaged, and the two can point in opposite directions, so both are here
// (decision D10).
import { answerOf } from '../attacks/frame/answer.ts'
import type { AttackFactory } from '../attacks/frame/attack-row.ts'
import type { Classifier } from '../nn/classifier.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { grad, type Pullback, vjp } from '../tensor/tape.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { type AscentOptions, ascentFactory } from './ascent-attack.ts'
import type { SwitchAttack } from './switch-attack.ts'

/** Ascends the cross-entropy of the mean of the K logits. @throws ConfigError */
export const ensembleLogits: AttackFactory<AscentOptions, SwitchAttack> = ascentFactory(
  { name: 'ensembleLogits', title: 'Ensemble on logits', paper: 'Fu et al., NeurIPS 2021' },
  (tickets, x, labels) => {
    const [gradient] = scope(
      () => grad(() => ops.crossEntropy(meanLogits(tickets, x), labels), [x]).gradients,
    )
    return gradient!
  },
)

function meanLogits(tickets: readonly Classifier[], x: Tensor): Tensor {
  const [first, ...others] = tickets
  let sum = answerOf(first, x)
  for (const ticket of others) sum = ops.add(sum, answerOf(ticket, x))
  return ops.scale(sum, 1 / tickets.length)
}

/**
 * Ascends the cross-entropy of the mean of the K probabilities, −log Σ p_k(y) / K. With L_k = −log p_k(y), its gradient
 * is the mean of ∇L_k weighted by p_k(y) / Σ p_i(y), so the losses are what is pulled back, under these weights.
 * @throws ConfigError
 */
export const ensembleProbs: AttackFactory<AscentOptions, SwitchAttack> = ascentFactory(
  { name: 'ensembleProbs', title: 'Ensemble on probabilities', paper: 'Fu et al., NeurIPS 2021' },
  async (tickets, x, labels) => {
    const pullbacks: Pullback[] = []
    try {
      for (const ticket of tickets) {
        pullbacks.push(vjp(() => ops.crossEntropy(answerOf(ticket, x), labels), [x]))
      }
      const losses = await Promise.all(pullbacks.map(({ value }) => value.data()))
      const weights = shares(losses)
      return scope(() => {
        let sum: Tensor | null = null
        for (const [k, { pull }] of pullbacks.entries()) {
          const [gradient] = pull(tensor(weights[k], [labels.size], { device: x.device }))
          sum = sum ? ops.add(sum, gradient!) : gradient!
        }
        return sum!
      })
    } finally {
      for (const { dispose } of pullbacks) dispose()
    }
  },
)

/** exp(−L_k) / Σ exp(−L_i) for each image; of a single ticket exactly 1. */
function shares(losses: readonly Float32Array[]): Float32Array<ArrayBuffer>[] {
  const weights = losses.map(({ length }) => new Float32Array(length))
  for (let n = 0; n < losses[0].length; n++) {
    let least = Number.POSITIVE_INFINITY
    for (const loss of losses) least = Math.min(least, loss[n])
    let sum = 0
    for (const loss of losses) sum += Math.exp(least - loss[n])
    for (const [k, loss] of losses.entries()) weights[k][n] = Math.exp(least - loss[n]) / sum
  }
  return weights
}
