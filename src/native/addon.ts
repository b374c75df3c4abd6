// Loads the native addon, on first use, and turns its errors into the package's own. Nothing else touches it.
import { ConfigError, DeviceError, OutOfMemoryError, ShapeError } from '../errors.ts'
import type { BackendDevice } from './backend-trial.ts'
import { loadAddon } from './load.ts'

declare const brand: unique symbol
/** A device of the core. */
export interface DeviceHandle {
  readonly [brand]: 'device'
}
/** One reference to a native tensor. */
export interface TensorHandle {
  readonly [brand]: 'tensor'
}
/** Memory that is filled in parts before it becomes a tensor. */
export interface StagingHandle {
  readonly [brand]: 'staging'
}

/** The native calls of a body. */
export interface RecordingHandle {
  readonly [brand]: 'recording'
}

/** The type of a tensor's elements: 32-bit floats, 32-bit integers, or bytes. */
export type DType = 'f32' | 'i32' | 'u8'

export interface NativeTensor {
  readonly handle: TensorHandle
  readonly shape: number[]
  readonly dtype: DType
}

/** Memory of a device, in bytes. */
export interface MemoryStats {
  /** Bytes in live tensors. */
  readonly inUse: number
  /** Bytes kept for reuse. */
  readonly cached: number
  /** Largest `inUse` since the device was made, or since `resetPeak`. */
  readonly peak: number
  /** Bytes that `inUse` may reach; 0 = the machine's. */
  readonly limit: number
}

/** How a convolution is computed: over the non-zero weights, by Winograd's F(2×2, 3×3), or over all weights. */
export type ConvKernel = 'sparse' | 'winograd' | 'direct'

/** What a backend tells about itself, by name. */
export type Facts = Readonly<Record<string, number | string>>

/** Which kernels compute a convolution. */
export interface ConvKernels {
  /** From input and weight to the result. */
  readonly forward: ConvKernel
  /** From the result's gradient to the input's. */
  readonly inputGradient: ConvKernel
}

/** Arguments of an op that are no tensors, by their names in the op table. */
export type Attributes = Record<string, number | boolean | string | readonly number[]>

/** The functions of the addon; every argument is checked there. */
export interface Addon {
  /** `library` is that of the backend, empty for the CPU's. */
  createDevice(options: {
    library: string
    index: number
    threads: number
    memoryLimit: number
    sparse: boolean
  }): DeviceHandle
  /** Opens the library of a backend and asks it for its devices. */
  backendDevices(library: string): BackendDevice[]
  /** Where the library of a backend would lie beside the addon. */
  backendPath(name: string): string
  /** What was kept for a library in this process, by any of its threads; null before. */
  backendVerdict(library: string): string | null
  keepBackendVerdict(library: string, verdict: string): void
  disposeDevice(device: DeviceHandle): void
  describe(device: DeviceHandle): string
  /** What the backend tells about itself. */
  facts(device: DeviceHandle): Facts
  supports(device: DeviceHandle, op: string): boolean
  /** The ops that it lacks, and how often the CPU ran each instead. */
  fallbacks(device: DeviceHandle): Readonly<Record<string, number>>
  convKernels(
    device: DeviceHandle,
    x: readonly number[],
    w: readonly number[],
    options: { stride: number; padding: number },
    density: number,
  ): ConvKernels
  memory(device: DeviceHandle): MemoryStats
  clearCache(device: DeviceHandle): void
  resetPeak(device: DeviceHandle): void
  pending(device: DeviceHandle): number
  ops(): OpRow[]
  run(
    device: DeviceHandle,
    op: string,
    inputs: readonly (TensorHandle | null)[],
    attributes: Attributes,
  ): (NativeTensor | null)[]
  upload(device: DeviceHandle, shape: readonly number[], dtype: DType, bytes: Uint8Array): NativeTensor
  stage(shape: readonly number[], dtype: DType): StagingHandle
  append(staging: StagingHandle, bytes: Uint8Array): void
  uploadStaged(device: DeviceHandle, staging: StagingHandle): NativeTensor
  beginRecording(device: DeviceHandle, inputs: readonly TensorHandle[]): void
  endRecording(
    device: DeviceHandle,
    outputs: readonly TensorHandle[],
  ): { handle: RecordingHandle; calls: number }
  cancelRecording(device: DeviceHandle): void
  setRecorded(recording: RecordingHandle, op: string, attributes: Attributes): void
  replay(recording: RecordingHandle, inputs: readonly TensorHandle[]): NativeTensor[]
  releaseRecording(recording: RecordingHandle): void
  release(tensor: TensorHandle): void
  read(device: DeviceHandle, tensor: TensorHandle): Promise<ArrayBuffer>
  synchronize(device: DeviceHandle): Promise<void>
}

/** Every op of the core, as its table has them. */
export interface OpRow {
  readonly name: string
  readonly inputs: readonly {
    readonly name: string
    readonly dtype: DType
    /** Null may stand in its place. */
    readonly optional: boolean
    /** Changed in place. */
    readonly mutated: boolean
  }[]
  readonly attributes: readonly {
    readonly name: string
    /** What it may be, if it is a word. */
    readonly words?: readonly string[]
  }[]
  /** Shapes, formula, and what is alike on every backend. */
  readonly contract: string
}

let loaded: Addon | undefined

/** @throws DeviceError that says what to do where it cannot be loaded */
export function addon(): Addon {
  loaded ??= translated(loadAddon() as Addon)
  return loaded
}

// By what they carry and not by instanceof: in a context of node:vm the addon's errors and promises are of another realm.
function typed(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error
  const { kind, message } = error as { kind?: string; message: string }
  const options = { cause: error }
  switch (kind) {
    case 'shape':
      return new ShapeError(message, options)
    case 'memory':
      return new OutOfMemoryError(message, options)
    case 'argument':
      return new ConfigError(message, 'argument', options)
    case 'device':
    case 'internal':
      return new DeviceError(message, options)
    default:
      return error
  }
}

/** Every function of the addon, throwing and rejecting with typed errors. */
function translated(native: Addon): Addon {
  const wrap =
    (call: (...args: unknown[]) => unknown) =>
    (...args: unknown[]): unknown => {
      try {
        const result = call(...args) as Partial<Promise<unknown>> | null | undefined
        if (typeof result?.then !== 'function') return result
        return result.then(undefined, error => {
          throw typed(error)
        })
      } catch (error) {
        throw typed(error)
      }
    }
  return Object.fromEntries(
    Object.entries(native).map(([name, call]) => [name, wrap(call)]),
  ) as unknown as Addon
}
