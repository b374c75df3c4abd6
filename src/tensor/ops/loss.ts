// Losses and predictions (native/ops/loss.cc).
import { number } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record, savesNothing } from '../tape.ts'
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

/**
 * One number of each row: x [N, C] with indices [N] in 0 … C − 1 → x[n, indices[n]], [N]. An index out of range is told
 * when a value that depends on it is read.
 * @throws ShapeError, ConfigError
 */
export function gather(x: Tensor, indices: Tensor<'i32'>): Tensor {
  const y = runOp1('gather', [x, indices])
  record([x], [y], ([dy]) => [runOp1('gather_grad', [dy!, indices], { shape: x.shape })], savesNothing)
  return y
}

/**
 * The largest number of each row, [N, C] → [N]. Its gradient goes to the first of equals.
 * @throws ShapeError
 */
export function max(x: Tensor): Tensor {
  const y = runOp1('max', [x])
  record(
    [x],
    [y],
    ([dy]) => {
      const largest = runOp1<'i32'>('argmax', [x])
      const dx = runOp1('gather_grad', [dy!, largest], { shape: x.shape })
      largest.dispose()
      return [dx]
    },
    { saves: [x] },
  )
  return y
}

/** Class of the largest logit [N]; ties go to the lowest class. */
export function argmax(logits: Tensor): Tensor<'i32'> {
  return runOp1('argmax', [logits])
}

/** 1 where the argmax is the label, else 0: [N]. */
export function correct(logits: Tensor, labels: Tensor<'i32'>): Tensor {
  return runOp1('correct', [logits, labels])
}
