// The native calls that a body makes, kept so that they run again by one call.
import { ConfigError, ShapeError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import {
  type Attributes,
  addon,
  type DeviceHandle,
  type NativeTensor,
  type RecordingHandle,
  type TensorHandle,
} from '../native/addon.ts'
import { type RecordedTensor, Recorder, recordedBy, recorder } from './recorder.ts'
import { scope } from './scope.ts'
import { checkBody, checkSynchronous } from './synchronous.ts'
import { isTaping } from './taping.ts'

// A device hands out recordings, and tensors know their device: so the tensor's class is not imported here.
interface OnDevice extends RecordedTensor {
  readonly handle: TensorHandle
  dispose(): void
  /** A tensor of the same kind on the same device. */
  sibling(native: NativeTensor): OnDevice
}

/** What a body may return: tensors, alone or inside arrays and plain objects, and nothing in their place. */
type Template = Output | readonly Template[] | { readonly [name: string]: Template } | null | undefined

/** Stands for a tensor. */
class Output {
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

/**
 * The calls of one run of a body: `record` of a device makes it. Each replay gives the bits that the body would
 * give on the same inputs, without running its JavaScript. A recording takes no memory for what its calls make: that
 * is taken at each replay and given back as early as can be. It keeps the tensors that its calls read, and changes
 * those that they change in place.
 * @example
 * import { Device, ops, type Tensor, tensor } from 'rst-native'
 * const x = tensor([1, -2])
 * using doubled = Device.default.record((t: Tensor) => ops.scale(t, 2), x)
 * console.log(await doubled.replay(tensor([3, 4])).data()) // → [6, 8]
 * doubled.set('scale', { factor: 10 })
 * console.log(await doubled.replay(tensor([3, 4])).data()) // → [30, 40]
 */
export class Recording<I extends readonly unknown[] = readonly unknown[], T = unknown> {
  /** What the body returned when it was recorded. */
  readonly value: T
  /** How many native calls a replay makes. */
  readonly calls: number
  readonly #device: { readonly disposed: boolean }
  readonly #kept: readonly RecordedTensor[]
  readonly #template: Template
  readonly #outputs: readonly OnDevice[]
  readonly #set = new Map<string, string>()
  #handle: RecordingHandle | null

  /** @internal Use `device.record`. */
  constructor(
    device: { readonly disposed: boolean },
    native: { handle: RecordingHandle; calls: number },
    { value, kept, template, outputs }: Recorded<T>,
  ) {
    this.#device = device
    this.#handle = native.handle
    this.calls = native.calls
    this.value = value
    this.#kept = kept
    this.#template = template
    this.#outputs = outputs
  }

  /** Whether it can be replayed: it, its device and all tensors that its calls read are live. */
  get usable(): boolean {
    return this.#handle !== null && !this.#device.disposed && !this.#kept.some(tensor => tensor.disposed)
  }

  /**
   * Runs the calls again on other inputs, and returns what the body would; the caller owns it. As the body, it
   * changes in place what its calls change in place. A call that fails leaves its error with what depends on it, and
   * the recording stays usable.
   * @param inputs of the same shapes and types
   * @throws ConfigError once disposed; ShapeError for inputs of other shapes, and where a tensor that the calls read
   * was disposed
   */
  replay(...inputs: I): T {
    const handle = this.#live()
    if (isTaping()) {
      throw new ConfigError(
        'A replay cannot be differentiated: call grad() inside the body that is recorded.',
        'body',
      )
    }
    for (const { disposed, shape } of this.#kept) {
      if (!disposed) continue
      throw new ShapeError(
        `The recording reads a tensor of shape [${shape.join(', ')}] that was disposed since; record the body again.`,
      )
    }
    const made = addon().replay(handle, handlesOf(inputs))
    return filled(
      this.#template,
      made.map((native, i) => this.#outputs[i]!.sibling(native)),
    ) as T
  }

  /**
   * Sets attributes of all calls of one op, for the replays that follow.
   * @param op by its name in the core
   * @param attributes by their names in the core, such as `{ lr: 0.01 }` of 'sgd_step'
   * @throws ConfigError where there is no such call, where they were recorded with several values, or for a value
   * that the op refuses
   */
  set(op: string, attributes: Attributes): void {
    const handle = this.#live()
    if (typeof attributes !== 'object' || attributes === null) {
      throw new ConfigError(
        `Expected the attributes of ${op} as an object but received ${describeValue(attributes)}.`,
        'attributes',
      )
    }
    for (const [name, value] of Object.entries(attributes)) {
      const key = `${op}.${name}`
      const text = JSON.stringify(value)
      if (this.#set.get(key) === text) continue
      addon().setRecorded(handle, op, { [name]: value })
      this.#set.set(key, text)
    }
  }

  /** Lets go of the tensors that it keeps. Replays that wait still run. Disposing twice is allowed. */
  dispose(): void {
    if (this.#handle === null) return
    addon().releaseRecording(this.#handle)
    this.#handle = null
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #live(): RecordingHandle {
    if (this.#handle !== null) return this.#handle
    throw new ConfigError(
      'Expected a live recording but received one that was disposed; record the body again.',
      'recording',
    )
  }
}

interface Recorded<T> {
  value: T
  kept: readonly RecordedTensor[]
  template: Template
  outputs: readonly OnDevice[]
}

interface RecordingDevice {
  readonly disposed: boolean
  readonly handle: DeviceHandle
}

/** Runs `body` on the inputs and keeps its calls; see Device.record. */
export function record<I extends readonly unknown[], T>(
  device: RecordingDevice,
  body: (...inputs: I) => T,
  inputs: I,
): Recording<I, T> {
  checkBody('record()', body)
  checkFree()
  const handles = handlesOf(inputs)
  const outputs: OnDevice[] = []
  const made = new Recorder(device, inputs as readonly unknown[] as readonly RecordedTensor[])
  addon().beginRecording(device.handle, handles)
  try {
    const value = recordedBy(made, () =>
      scope(() => {
        const returned = body(...inputs)
        checkSynchronous('record()', returned)
        return returned
      }),
    )
    const template = templateOf(value, outputs)
    const left = new Set(made.live)
    for (const tensor of outputs) left.delete(tensor)
    for (const { shape } of left) {
      throw new ConfigError(
        `record() expects a body that returns or disposes every tensor it makes but one of shape [${shape.join(', ')}] stays outside, where replays would not change it: make it before, and assign to it inside.`,
        'body',
      )
    }
    const native = addon().endRecording(
      device.handle,
      outputs.map(tensor => tensor.handle),
    )
    return new Recording(device, native, { value, kept: made.kept, template, outputs })
  } catch (error) {
    if (!device.disposed) addon().cancelRecording(device.handle)
    for (const tensor of outputs) if (made.made(tensor)) tensor.dispose()
    throw error
  }
}

function checkFree(): void {
  if (recorder()) {
    throw new ConfigError(
      'A body that is recorded cannot make another recording; record both in one body.',
      'body',
    )
  }
  if (isTaping()) {
    throw new ConfigError(
      'record() cannot stand inside grad(), which replays would not reach: call grad() inside the body that is recorded.',
      'body',
    )
  }
}

function handlesOf(inputs: readonly unknown[]): TensorHandle[] {
  return inputs.map((input, i) => {
    if (isTensor(input)) return input.handle
    throw new ConfigError(
      `Expected a tensor for input ${i + 1} of the recording but received ${describeValue(input)}.`,
      'inputs',
    )
  })
}

const isTensor = (value: unknown): value is OnDevice =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'sibling' in value

/** The value with a stand-in for each tensor, which goes to `outputs`. */
function templateOf(value: unknown, outputs: OnDevice[], depth = 0): Template {
  if (value === null || value === undefined) return value
  if (isTensor(value)) {
    if (!outputs.includes(value)) outputs.push(value)
    return new Output(outputs.indexOf(value))
  }
  if (typeof value === 'object' && depth < 8) {
    if (Array.isArray(value)) return value.map(item => templateOf(item, outputs, depth + 1))
    if (Object.getPrototypeOf(value) === Object.prototype) {
      const entries = Object.entries(value).map(([name, item]) => [
        name,
        templateOf(item, outputs, depth + 1),
      ])
      return Object.fromEntries(entries)
    }
  }
  throw new ConfigError(
    `record() expects a body that returns tensors, alone or in arrays and plain objects, but it returns ${describeValue(value)}, which a replay could not compute.`,
    'body',
  )
}

/** The value that a template stands for. */
function filled(template: Template, tensors: readonly unknown[]): unknown {
  if (template instanceof Output) return tensors[template.index]
  if (template === null || template === undefined) return template
  if (Array.isArray(template)) return template.map(item => filled(item, tensors))
  return Object.fromEntries(Object.entries(template).map(([name, item]) => [name, filled(item, tensors)]))
}
