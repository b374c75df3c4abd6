// The one call into the native op table.
import { ShapeError } from '../errors.ts'
import { type Attributes, addon } from '../native/addon.ts'
import type { Device } from './device.ts'
import { type DType, Tensor } from './tensor.ts'

/** Checks and enqueues op `name`; an output that the op leaves out is null. */
export function runOp(
  device: Device,
  name: string,
  inputs: readonly (Tensor<DType> | null | undefined)[],
  attributes: Attributes,
): (Tensor<DType> | null)[] {
  const handles = inputs.map(input => {
    if (!input) return null
    if (input.device !== device) {
      throw new ShapeError(`${name} expects all its tensors on one device but received two.`)
    }
    return input.handle
  })
  return addon()
    .run(device.handle, name, handles, attributes)
    .map(native => native && new Tensor(device, native))
}

/** For ops with one output. */
export function runOp1<D extends DType = 'f32'>(
  name: string,
  inputs: readonly [Tensor<DType>, ...(Tensor<DType> | null | undefined)[]],
  attributes: Attributes = {},
): Tensor<D> {
  return runOp(inputs[0].device, name, inputs, attributes)[0] as Tensor<D>
}
