// The one call into the native op table.
import { ConfigError, ShapeError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import { type Attributes, addon } from '../native/addon.ts'
import { type Device, labelsOf } from './device.ts'
import { recorder } from './recorder.ts'
import { type DType, Tensor } from './tensor.ts'

type Input = Tensor<DType> | null | undefined

/**
 * Checks and enqueues op `op`; an output that the op leaves out is null.
 * @param device default: that of the first input
 * @throws ConfigError for an input that is no tensor
 */
export function runOp(
  op: string,
  inputs: readonly Input[],
  attributes: Attributes = {},
  device: Device = deviceOf(op, inputs[0]),
): (Tensor<DType> | null)[] {
  const recording = recorder()
  const handles = inputs.map((input, i) => {
    // Which of them the op can do without is checked by the core.
    if (input === null || input === undefined) return null
    if (!Tensor.is(input)) throw noTensor(camelCase(op), inputName(op, i), input)
    if (input.device !== device) {
      const [theirs, its] = labelsOf(device, input.device)
      throw new ShapeError(
        `${camelCase(op)} expects all its tensors on one device but received ${inputName(op, i)} on ${its}, the others on ${theirs}.`,
      )
    }
    recording?.reads(input)
    return input.handle
  })
  return addon()
    .run(device.handle, op, handles, attributes)
    .map(native => native && new Tensor(device, native))
}

/** For ops with one output. */
export function runOp1<D extends DType = 'f32'>(
  op: string,
  inputs: readonly [Tensor<DType>, ...Input[]],
  attributes: Attributes = {},
): Tensor<D> {
  return runOp(op, inputs, attributes)[0] as Tensor<D>
}

/** For functions that look at a tensor before any op does. @throws ConfigError where it is none */
export function checkTensor(owner: string, name: string, value: unknown): void {
  if (!Tensor.is(value)) throw noTensor(owner, name, value)
}

function deviceOf(op: string, input: unknown): Device {
  if (Tensor.is(input)) return input.device
  throw noTensor(camelCase(op), inputName(op, 0), input)
}

const noTensor = (owner: string, name: string, value: unknown) =>
  new ConfigError(`${owner} expects a tensor for ${name} but received ${describeValue(value)}.`, name)

function inputName(op: string, index: number): string {
  const row = addon()
    .ops()
    .find(({ name }) => name === op)
  return camelCase(row?.inputs[index]?.name ?? `input ${index}`)
}

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
