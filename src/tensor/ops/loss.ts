// Losses and predictions (native/ops/loss.h).
import { runOp1 } from '../run.ts'
import { record } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

/**
 * Cross-entropy of each sample [N] from logits [N, classes] and labels [N]; `smoothing` in [0, 1) spreads that share
 * of the target over all classes.
 */
export function crossEntropy(logits: Tensor, labels: Tensor<'i32'>, { smoothing = 0 } = {}): Tensor {
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
