// Losses and predictions (native/ops/loss.cc).
import { number } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

export interface CrossEntropyOptions {
  /** Share of the target that is spread over all classes, in [0, 1). Default 0. */
  smoothing?: number
}

const crossEntropyRows: OptionRows<CrossEntropyOptions> = { smoothing: number(0, 1) }

/**
 * Cross-entropy of each sample [N] from logits [N, classes] and labels [N].
 * @throws ShapeError, ConfigError
 */
export function crossEntropy(
  logits: Tensor,
  labels: Tensor<'i32'>,
  options: CrossEntropyOptions = {},
): Tensor {
  checkOptions('crossEntropy', options, crossEntropyRows)
  const { smoothing = 0 } = options
  const losses = runOp1('cross_entropy', [logits, labels], { smoothing })
  record([logits], [losses], ([dLosses]) => [
    runOp1('cross_entropy_grad', [logits, labels, dLosses!], { smoothing }),
  ])
  return losses
}

/** Class probabilities [N, classes]. Not differentiable. */
export function softmax(logits: Tensor): Tensor {
  return runOp1('softmax', [logits])
}

/** Class of the largest logit [N]; ties go to the lowest class. */
export function argmax(logits: Tensor): Tensor<'i32'> {
  return runOp1('argmax', [logits])
}

/** 1 where the argmax is the label, else 0: [N]. */
export function correct(logits: Tensor, labels: Tensor<'i32'>): Tensor {
  return runOp1('correct', [logits, labels])
}
