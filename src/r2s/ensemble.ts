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

/**
 * PGD on the cross-entropy of the mean of the K tickets' logits (Fu et al., NeurIPS 2021, section 6.3).
 * @throws ConfigError
 * @example
 * import { adversaries, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.ensembleLogits({ eps: 8 / 255, steps: 20 })
 * console.log(adversary.name, adversary.against) // → ensemble-logits-20 all
 * const { robustAccuracy } = await evaluateR2S(r2s, test, { adversary, limit: 1000 })
 * console.log(robustAccuracy)
 */
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
 * PGD on the cross-entropy of the mean of the K tickets' probabilities, −log Σ p_k(y) / K (Fu et al., NeurIPS 2021,
 * section 6.3). With L_k = −log p_k(y), its gradient is the mean of ∇L_k weighted by p_k(y) / Σ p_i(y), so the losses
 * are what is pulled back, under these weights.
 * @throws ConfigError
 * @example
 * import { adversaries, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.ensembleProbs({ eps: 8 / 255, steps: 20, restarts: 2 })
 * const { robustAccuracy } = await evaluateR2S(r2s, test, { adversary, limit: 1000 })
 * console.log(robustAccuracy)
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
