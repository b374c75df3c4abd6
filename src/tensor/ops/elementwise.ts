// Arithmetic, element by element (native/ops/elementwise.cc).
import { ShapeError } from '../../errors.ts'
import { anyNumber, numbers, required } from '../../inputs/kinds.ts'
import { checkOption } from '../../inputs/options.ts'
import { Device, deviceKind } from '../device.ts'
import { checkTensor, runOp, runOp1 } from '../run.ts'
import { record, savesNothing } from '../tape.ts'
import type { Tensor } from '../tensor.ts'

const numberRow = required(anyNumber)
const numbersRow = required(numbers)

/**
 * A tensor of one value.
 * @param shape of rank 0 to 4
 * @param device default `Device.default`
 * @throws ConfigError, ShapeError
 * @example
 * import { ops } from 'rst-native'
 * console.log(await ops.full([2, 2], 0.5).data()) // → [0.5, 0.5, 0.5, 0.5]
 */
export function full(shape: readonly number[], value: number, device = Device.default): Tensor {
  checkOption('shape', shape, numbersRow, 'full')
  checkOption('value', value, numberRow, 'full')
  checkOption('device', device, deviceKind, 'full')
  return runOp('fill', [], { shape, value }, device)[0] as Tensor
}

/**
 * A tensor of its own with the elements of x, any shape. Differentiable.
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.copy(tensor([1, 2])).data()) // → [1, 2]
 */
export function copy(x: Tensor): Tensor {
  const y = runOp1('copy', [x])
  record([x], [y], ([dy]) => [dy!], savesNothing)
  return y
}

/**
 * The elements of x, row-major, under another shape. Differentiable.
 * @param shape of as many elements; one dimension may be −1 and is what the others leave
 * @throws ShapeError, ConfigError
 * @example
 * import { ops } from 'rst-native'
 * console.log(ops.reshape(ops.full([8, 3, 4, 4], 0), [8, -1]).shape) // → [8, 48]
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  checkTensor('reshape', 'x', x)
  checkOption('shape', shape, numbersRow, 'reshape')
  const known = shape.reduce((product, d) => (d === -1 ? product : product * d), 1)
  const full = shape.map(d => (d === -1 && known > 0 ? x.size / known : d))
  if (shape.filter(d => d === -1).length > 1 || full.some(d => d < 0 || !Number.isInteger(d))) {
    throw new ShapeError(
      `Expected a shape of ${x.size} elements with at most one −1 but received [${shape.join(', ')}].`,
    )
  }
  const y = runOp1('reshape', [x], { shape: full })
  record([x], [y], ([dy]) => [runOp1('reshape', [dy!], { shape: x.shape })], savesNothing)
  return y
}

/**
 * a + b, of equal shapes. Differentiable.
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.add(tensor([1, 2]), tensor([10, 20])).data()) // → [11, 22]
 */
export function add(a: Tensor, b: Tensor): Tensor {
  const y = runOp1('add', [a, b])
  record([a, b], [y], ([dy]) => [dy!, dy!], savesNothing)
  return y
}

/**
 * a − b, of equal shapes. Differentiable.
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.sub(tensor([1, 2]), tensor([10, 20])).data()) // → [-9, -18]
 */
export function sub(a: Tensor, b: Tensor): Tensor {
  const y = runOp1('sub', [a, b])
  record(
    [a, b],
    [y],
    ([dy], [, wantB]) => [dy!, wantB ? runOp1('scale', [dy!], { factor: -1 }) : null],
    savesNothing,
  )
  return y
}

/**
 * a · b, element by element, of equal shapes. Differentiable.
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.mul(tensor([1, 2]), tensor([10, 20])).data()) // → [10, 40]
 */
export function mul(a: Tensor, b: Tensor): Tensor {
  const y = runOp1('mul', [a, b])
  record([a, b], [y], ([dy], [wantA, wantB]) => [
    wantA ? runOp1('mul', [dy!, b]) : null,
    wantB ? runOp1('mul', [dy!, a]) : null,
  ])
  return y
}

/**
 * factor · x, any shape. Differentiable.
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.scale(tensor([1, 2]), -1).data()) // → [-1, -2]
 */
export function scale(x: Tensor, factor: number): Tensor {
  checkOption('factor', factor, numberRow, 'scale')
  const y = runOp1('scale', [x], { factor })
  record([x], [y], ([dy]) => [runOp1('scale', [dy!], { factor })], savesNothing)
  return y
}

/**
 * Elements of x outside [low, high] become the nearer end; any shape. Not differentiable.
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.clip(tensor([-1, 0.5, 2]), 0, 1).data()) // → [0, 0.5, 1]
 */
export function clip(x: Tensor, low: number, high: number): Tensor {
  checkOption('low', low, numberRow, 'clip')
  checkOption('high', high, numberRow, 'clip')
  return runOp1('clip', [x], { low, high })
}

/**
 * e^x of each element, any shape; Infinity where that is too large. The same bits on every machine. Differentiable.
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.exp(tensor([0, 1])).data()) // → [1, 2.71828]
 */
export function exp(x: Tensor): Tensor {
  const y = runOp1('exp', [x])
  record([x], [y], ([dy]) => [runOp1('mul', [dy!, y])], { saves: [y] })
  return y
}

/**
 * The natural logarithm of each element of x, any shape; −Infinity of 0, NaN of numbers below. The same bits on every
 * machine. Differentiable.
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.log(tensor([1, 2, 0])).data()) // → [0, 0.69315, -Infinity]
 */
export function log(x: Tensor): Tensor {
  const y = runOp1('log', [x])
  record([x], [y], ([dy]) => [runOp1('log_grad', [dy!, x])], { saves: [x] })
  return y
}

/**
 * max(x, 0) of each element, any shape. Differentiable; the gradient at 0 is 0.
 * @throws ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.relu(tensor([-1, 2])).data()) // → [0, 2]
 */
export function relu(x: Tensor): Tensor {
  const y = runOp1('relu', [x])
  record([x], [y], ([dy]) => [runOp1('relu_grad', [dy!, y])], { saves: [y] })
  return y
}

/**
 * (x − mean[c]) / std[c] for each channel c. Differentiable to x.
 * @param x [N, C, H, W]
 * @param mean one a channel, [C]
 * @param std one a channel, [C]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops } from 'rst-native'
 * const x = ops.full([1, 2, 1, 1], 0.5)
 * console.log(await ops.normalize(x, [0.5, 0.25], [0.25, 0.25]).data()) // → [0, 1]
 */
export function normalize(x: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  checkOption('mean', mean, numbersRow, 'normalize')
  checkOption('std', std, numbersRow, 'normalize')
  const y = runOp1('normalize', [x], { mean, std })
  record([x], [y], ([dy]) => [runOp1('normalize_grad', [dy!], { std })], savesNothing)
  return y
}

/**
 * x + bias[c] for each channel c. Differentiable.
 * @param x [N, C, …]
 * @param bias [C]
 * @throws ShapeError, ConfigError
 * @example
 * import { ops, tensor } from 'rst-native'
 * console.log(await ops.biasAdd(tensor([1, 2, 3, 4], [2, 2]), tensor([10, 20])).data()) // → [11, 22, 13, 24]
 */
export function biasAdd(x: Tensor, bias: Tensor): Tensor {
  const y = runOp1('bias_add', [x, bias])
  record(
    [x, bias],
    [y],
    ([dy], [, wantBias]) => [dy!, wantBias ? runOp1('channel_sum', [dy!]) : null],
    savesNothing,
  )
  return y
}
