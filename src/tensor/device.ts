// Where tensors live and ops run.
import { availableParallelism } from 'node:os'
import { DeviceError } from '../errors.ts'
import { type DeviceName, isDeviceName } from '../inputs/device-name.ts'
import { count, kind, number, numbers, oneOf, required } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import { addon, type ConvKernels, type DeviceHandle, type Facts, type MemoryStats } from '../native/addon.ts'
import { locateDevice } from './locate-device.ts'
import { type Recording, record } from './recording.ts'

/** A device, and what it may take. */
export interface DeviceOptions {
  /** Which device: 'auto' is the first GPU that works, else the CPU. Default 'auto'. */
  name?: DeviceName
  /** Threads of the CPU, 1 to 1024. Default: the cores this process may use. */
  threads?: number
  /** Bytes that live tensors may take; beyond it ops fail with OutOfMemoryError. Default: the machine's memory. */
  memoryLimit?: number
  /**
   * 'auto': a convolution of few non-zero weights is computed by the sparse kernels. 'never': by the dense ones, for
   * comparing the two; results then differ in the last bits. Default 'auto'.
   */
  sparse?: 'auto' | 'never'
}

const nameKind = kind<DeviceName>("'auto', 'cpu', 'cuda' or 'cuda:n'", isDeviceName)

export const deviceRows: OptionRows<DeviceOptions> = {
  name: nameKind,
  threads: count(1, 1024),
  memoryLimit: number(0, Number.MAX_SAFE_INTEGER),
  sparse: oneOf(['auto', 'never']),
}

/**
 * A queue with one worker: ops are checked and enqueued at once and run in order, off the event loop. Results do not
 * depend on the number of threads. Most programs need none of their own: `Device.default` is taken where none is
 * named.
 * @example
 * import { Device, ops, tensor } from 'rst-native'
 * using device = new Device({ name: 'cpu', threads: 2, memoryLimit: 1e9 })
 * const x = tensor([1, 2, 3], [3], { device })
 * const y = ops.exp(x)
 * await device.synchronize() // or y.data(), which waits too
 * console.log(device.memory().inUse > 0) // → true
 * console.log(device.supports('exp'), device.fallbacks) // → true {}
 * device.clearCache()
 * device.resetPeak()
 */
export class Device {
  /** 'cpu', or such as 'cuda:0'. */
  readonly name: DeviceName
  /** Threads of the CPU that compute its ops. */
  readonly threads: number
  /** Whether convolutions of few non-zero weights use the sparse kernels. */
  readonly sparse: 'auto' | 'never'
  #handle: DeviceHandle | null

  /**
   * Starts the device's threads.
   * @param options which device; every option has a default
   * @throws ConfigError, DeviceError where there is no such device that works
   */
  constructor(options: DeviceOptions = {}) {
    checkOptions('Device', options, deviceRows)
    const { name = 'auto', threads = availableParallelism(), memoryLimit = 0, sparse = 'auto' } = options
    const located = locateDevice(name)
    this.name = located.name
    this.threads = threads
    this.sparse = sparse
    this.#handle = addon().createDevice({
      library: located.library,
      index: located.index,
      threads,
      memoryLimit: Math.floor(memoryLimit),
      sparse: sparse === 'auto',
    })
  }

  /** @internal Whether the value is a device of this package. */
  static is(value: unknown): value is Device {
    return typeof value === 'object' && value !== null && #handle in value
  }

  /** @internal @throws DeviceError once disposed. */
  get handle(): DeviceHandle {
    if (this.#handle === null) {
      throw new DeviceError(
        'Expected a live device but received one that was disposed; make another one with new Device().',
      )
    }
    return this.#handle
  }

  /** Whether it was disposed. */
  get disposed(): boolean {
    return this.#handle === null
  }

  /**
   * Waits for the op that runs, drops those that wait, ends the device's threads and frees the memory of its tensors,
   * which cannot be used any more. What is still awaited of it is rejected with a DeviceError. Disposing twice is
   * allowed.
   */
  dispose(): void {
    if (this.#handle === null) return
    addon().disposeDevice(this.#handle)
    this.#handle = null
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** What it runs on, such as 'CPU, AVX2, 2 threads'. */
  get description(): string {
    return addon().describe(this.handle)
  }

  /**
   * What the backend tells about itself, of the CPU: `simdTarget`, the instruction set that kernels use, such as 'AVX2';
   * `sparseBelowWinograd` and `sparseBelowDirect`, the shares of non-zero weights below which a convolution is computed over
   * these only, where Winograd is the other choice and where it is not (0 with `sparse: 'never'`); `weightCompileSeconds`, the
   * time spent so far on bringing weights into the forms that kernels read, once for each new weight and direction.
   */
  get facts(): Facts {
    return addon().facts(this.handle)
  }

  /**
   * Whether the device itself computes an op; others run on the CPU.
   * @param op its name in the core, such as 'conv2d' or 'attack_step'
   * @throws ConfigError
   */
  supports(op: string): boolean {
    return addon().supports(this.handle, op)
  }

  /** The ops that the device does not compute itself, and how often the CPU did so far. */
  get fallbacks(): Readonly<Record<string, number>> {
    return addon().fallbacks(this.handle)
  }

  /**
   * What computes a convolution.
   * @param x shape of the input, [N, C, H, W]
   * @param weight shape of the weight, [K, C, R, S]
   * @param options stride ≥ 1 (default 1) and padding ≥ 0 (default 0), pixels
   * @param density share of weights that are not zero, 0 to 1
   * @throws ShapeError, ConfigError
   * @example
   * import { Device } from 'rst-native'
   * using device = new Device({ name: 'cpu' })
   * const { forward } = device.convKernels([1, 64, 32, 32], [64, 64, 3, 3], { padding: 1 }, 0.05)
   * console.log(forward) // → sparse
   */
  convKernels(
    x: readonly number[],
    weight: readonly number[],
    options: { stride?: number; padding?: number },
    density: number,
  ): ConvKernels {
    checkOption('x', x, required(numbers), 'convKernels')
    checkOption('weight', weight, required(numbers), 'convKernels')
    checkOptions('convKernels', options, { stride: count(1), padding: count(0) })
    checkOption('density', density, required(number(0, 1)), 'convKernels')
    const { stride = 1, padding = 0 } = options
    return addon().convKernels(this.handle, x, weight, { stride, padding }, density)
  }

  /**
   * Bytes in use and kept, and the largest amount so far.
   * @throws DeviceError once disposed
   */
  memory(): MemoryStats {
    return addon().memory(this.handle)
  }

  /**
   * Gives memory that is kept for reuse back to the system.
   * @throws DeviceError once disposed
   */
  clearCache(): void {
    addon().clearCache(this.handle)
  }

  /**
   * From here on `memory().peak` is the largest amount since now.
   * @throws DeviceError once disposed
   */
  resetPeak(): void {
    addon().resetPeak(this.handle)
  }

  /**
   * Runs `body` on the inputs and keeps the ops that it runs, so that they can run again without its JavaScript: for
   * what repeats, such as the steps of an attack. `grad()` may stand in the body; what varies between replays is
   * among the inputs. The tensors that it made and does not return are disposed.
   * @param body synchronous; returns tensors that it made, alone or in arrays and plain objects
   * @param inputs different tensors of this device, up to 64
   * @throws ConfigError where the body is async, uploads, reads a tensor, uses another device, returns anything else,
   * or leaves a tensor behind; where it stands in grad() or in another recording
   * @example
   * import { Device, ops, type Tensor, tensor } from 'rst-native'
   * const device = Device.default
   * const noise = tensor([0.25, -0.25])
   * using step = device.record((x: Tensor) => ops.clip(ops.add(x, noise), 0, 1), tensor([0.5, 0.5]))
   * const again = step.replay(step.value)
   * console.log(await again.data()) // → [1, 0]
   */
  record<I extends readonly unknown[], T>(body: (...inputs: I) => T, ...inputs: I): Recording<I, T> {
    return record(this, body, inputs)
  }

  /** Ops enqueued and not yet finished. */
  get pending(): number {
    return addon().pending(this.handle)
  }

  /**
   * Resolves once everything enqueued so far has run.
   * @throws DeviceError once disposed
   */
  async synchronize(): Promise<void> {
    await addon().synchronize(this.handle)
  }

  /** The device used when none is named: 'auto'. */
  static get default(): Device {
    return resolveDevice()
  }
}

export const deviceKind = kind('a Device', value => Device.is(value))

/** What options take for a device. */
export const deviceOrNameKind = kind<DeviceName | Device>(
  `${nameKind.expected.replace(' or', ',')} or a Device`,
  value => Device.is(value) || isDeviceName(value),
)

/** Two devices as an error tells them apart. */
export function labelsOf(a: Device, b: Device): [string, string] {
  const label = (device: Device) => `${device.name} (${device.disposed ? 'disposed' : device.description})`
  const [first, second] = [label(a), label(b)]
  return [first, first === second ? `another ${second}` : second]
}

const shared = new Map<string, Device>()

let cores: number | undefined
// Asked once: each tensor without a device of its own asks for the default one.
const allCores = (): number => {
  cores ??= availableParallelism()
  return cores
}

/**
 * The device that options name, with `threads` threads of the CPU if given. Who names the same gets the same one; one that
 * was disposed is replaced.
 * @throws ConfigError for an unknown name, DeviceError where there is no such device that works
 */
export function resolveDevice(device: DeviceName | Device = 'auto', threads = allCores()): Device {
  if (Device.is(device)) return device
  const { name } = locateDevice(device)
  const key = `${name} ${threads}`
  const known = shared.get(key)
  if (known && !known.disposed) return known
  const made = new Device({ name, threads })
  shared.set(key, made)
  return made
}
