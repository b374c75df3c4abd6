// Expectation over transformation (Athalye et al., "Obfuscated Gradients Give a False Sense of Security", ICML 2018) on
// a switch, as the paper has it (Sec. 6.3): PGD along the expectation of the gradients of all tickets.
import { answerOf } from '../attacks/frame/answer.ts'
import type { AttackFactory } from '../attacks/frame/attack-row.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { grad } from '../tensor/tape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type AscentOptions, ascentFactory } from './ascent-attack.ts'
import type { SwitchAttack } from './switch-attack.ts'

/**
 * PGD along the expectation of the gradients of all tickets (Athalye et al., ICML 2018; Fu et al., NeurIPS 2021,
 * section 6.3). All K tickets are enumerated, so that the expectation is exact: the mean of K loss gradients. Their
 * sum is taken in its place, which has the same direction.
 * @throws ConfigError
 * @example
 * import { adversaries, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.eot({ eps: 8 / 255, steps: 20 })
 * const { robustAccuracy } = await evaluateR2S(r2s, test, { adversary, limit: 1000 })
 * console.log(robustAccuracy)
 */
export const eot: AttackFactory<AscentOptions, SwitchAttack> = ascentFactory(
  { name: 'eot', title: 'EOT', paper: 'Athalye et al., ICML 2018' },
  (tickets, x, labels) =>
    scope(() => {
      let sum: Tensor | null = null
      for (const ticket of tickets) {
        const [gradient] = scope(
          () => grad(() => ops.crossEntropy(answerOf(ticket, x), labels), [x]).gradients,
        )
        sum = sum ? ops.add(sum, gradient!) : gradient!
      }
      return sum!
    }),
)
