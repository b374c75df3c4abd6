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

/** A tensor of one value. */
export function full(shape: readonly number[], value: number, device = Device.default): Tensor {
  checkOption('shape', shape, numbersRow, 'full')
  checkOption('value', value, numberRow, 'full')
  checkOption('device', device, deviceKind, 'full')
  return runOp('fill', [], { shape, value }, device)[0] as Tensor
}

export function copy(x: Tensor): Tensor {
  const y = runOp1('copy', [x])
  record([x], [y], ([dy]) => [dy!], savesNothing)
  return y
}

/** The same elements, row-major, under another shape; one dimension may be −1. */
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

/** a + b, of equal shapes. */
export function add(a: Tensor, b: Tensor): Tensor {
  const y = runOp1('add', [a, b])
  record([a, b], [y], ([dy]) => [dy!, dy!], savesNothing)
  return y
}

/** a − b, of equal shapes. */
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

/** a · b, of equal shapes. */
export function mul(a: Tensor, b: Tensor): Tensor {
  const y = runOp1('mul', [a, b])
  record([a, b], [y], ([dy], [wantA, wantB]) => [
    wantA ? runOp1('mul', [dy!, b]) : null,
    wantB ? runOp1('mul', [dy!, a]) : null,
  ])
  return y
}

export function scale(x: Tensor, factor: number): Tensor {
  checkOption('factor', factor, numberRow, 'scale')
  const y = runOp1('scale', [x], { factor })
  record([x], [y], ([dy]) => [runOp1('scale', [dy!], { factor })], savesNothing)
  return y
}

/** Values outside [low, high] become the nearer end. Not differentiable. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  checkOption('low', low, numberRow, 'clip')
  checkOption('high', high, numberRow, 'clip')
  return runOp1('clip', [x], { low, high })
}

/** e^x of each element; infinity where that is too large. The same bits on every machine. */
export function exp(x: Tensor): Tensor {
  const y = runOp1('exp', [x])
  record([x], [y], ([dy]) => [runOp1('mul', [dy!, y])], { saves: [y] })
  return y
}

/** The natural logarithm of each element; −infinity of 0, NaN of numbers below. The same bits on every machine. */
export function log(x: Tensor): Tensor {
  const y = runOp1('log', [x])
  record([x], [y], ([dy]) => [runOp1('log_grad', [dy!, x])], { saves: [x] })
  return y
}

export function relu(x: Tensor): Tensor {
  const y = runOp1('relu', [x])
  record([x], [y], ([dy]) => [runOp1('relu_grad', [dy!, y])], { saves: [y] })
  return y
}

/** (x − mean[c]) / std[c] for each channel c of x [N, C, H, W]. */
export function normalize(x: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  checkOption('mean', mean, numbersRow, 'normalize')
  checkOption('std', std, numbersRow, 'normalize')
  const y = runOp1('normalize', [x], { mean, std })
  record([x], [y], ([dy]) => [runOp1('normalize_grad', [dy!], { std })], savesNothing)
  return y
}

/** x + bias[c] for each channel c of x [N, C, …]. */
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
