// Losses and predictions (native/ops/loss.cc).
import { number } from '../../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../../inputs/options.ts'
import { runOp1 } from '../run.ts'
import { record, savesNothing } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

/** What the cross-entropy aims at. */
export interface CrossEntropyOptions {
  /** Share of the target that is spread over all classes, in [0, 1). Default 0. */
  smoothing?: number
}

const crossEntropyRows: OptionRows<CrossEntropyOptions> = { smoothing: number(0, 1) }

/**
 * The cross-entropy of each sample, −log softmax(logits)[label]. Differentiable to logits. A label out of range is
 * told when a value that depends on it is read.
 * @param logits [N, classes]
 * @param labels [N], from 0 to classes − 1
 * @param options smoothing of the labels
 * @returns [N]; `ops.mean` makes one number of it
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const logits = tensor([0, 0, 2, 0], [2, 2])
 * const labels = tensor([0, 0], [2], { dtype: 'i32' })
 * console.log(await ops.crossEntropy(logits, labels).data()) // → [0.6931, 0.1269]
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

/**
 * Class probabilities, each row of sum 1. Not differentiable.
 * @param logits [N, classes]
 * @returns [N, classes]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.softmax(tensor([0, 0, 0, 0], [1, 4])).data()) // → [0.25, 0.25, 0.25, 0.25]
 */
export function softmax(logits: Tensor): Tensor {
  return runOp1('softmax', [logits])
}

/**
 * One number of each row, x[n, indices[n]]. Differentiable to x. An index out of range is told when a value that
 * depends on it is read.
 * @param x [N, C]
 * @param indices [N], from 0 to C − 1
 * @returns [N]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const indices = tensor([2, 0], [2], { dtype: 'i32' })
 * console.log(await ops.gather(tensor([1, 2, 3, 4, 5, 6], [2, 3]), indices).data()) // → [3, 4]
 */
export function gather(x: Tensor, indices: Tensor<'i32'>): Tensor {
  const y = runOp1('gather', [x, indices])
  record([x], [y], ([dy]) => [runOp1('gather_grad', [dy!, indices], { shape: x.shape })], savesNothing)
  return y
}

/**
 * The largest number of each row. Differentiable; the gradient goes to the first of equals.
 * @param x [N, C]
 * @returns [N]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.max(tensor([1, 5, 3, 4, 0, 6], [2, 3])).data()) // → [5, 6]
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

/**
 * The class of each row's largest logit; ties go to the lowest class.
 * @param logits [N, classes]
 * @returns [N]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.argmax(tensor([1, 5, 3, 4, 0, 6], [2, 3])).data()) // → [1, 2]
 */
export function argmax(logits: Tensor): Tensor<'i32'> {
  return runOp1('argmax', [logits])
}

/**
 * 1 where the class of the largest logit is the label, else 0.
 * @param logits [N, classes]
 * @param labels [N], from 0 to classes − 1
 * @returns [N]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * const labels = tensor([1, 0], [2], { dtype: 'i32' })
 * console.log(await ops.correct(tensor([1, 5, 3, 4, 0, 6], [2, 3]), labels).data()) // → [1, 0]
 */
export function correct(logits: Tensor, labels: Tensor<'i32'>): Tensor {
  return runOp1('correct', [logits, labels])
}
