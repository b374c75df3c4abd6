// Loads the native addon, on first use, and turns its errors into the package's own. Nothing else touches it.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError, DeviceError, OutOfMemoryError, RstError, ShapeError } from '../errors.ts'

declare const brand: unique symbol
/** A device of the core. */
export interface DeviceHandle {
  readonly [brand]: 'device'
}
/** One reference to a native tensor. */
export interface TensorHandle {
  readonly [brand]: 'tensor'
}

export type DType = 'f32' | 'i32' | 'u8'

export interface NativeTensor {
  readonly handle: TensorHandle
  readonly shape: number[]
  readonly dtype: DType
}

export interface MemoryStats {
  /** Bytes in live tensors. */
  readonly inUse: number
  /** Bytes kept for reuse. */
  readonly cached: number
  /** Largest `inUse` since the device was made. */
  readonly peak: number
  /** Bytes that `inUse` may reach; 0 = the machine's. */
  readonly limit: number
}

/** How a convolution is computed: over the non-zero weights, by Winograd's F(2×2, 3×3), or over all weights. */
export type ConvKernel = 'sparse' | 'winograd' | 'direct'

/** Shares of non-zero weights below which a convolution is computed over these only. */
export interface SparseBelow {
  /** Where Winograd is the other choice. */
  readonly winograd: number
  /** Where it is not. */
  readonly direct: number
}

export interface ConvKernels {
  readonly forward: ConvKernel
  readonly inputGradient: ConvKernel
}

export type Attributes = Record<string, number | boolean | readonly number[]>

interface Addon {
  createCpuDevice(options: { threads: number; memoryLimit: number; sparse: boolean }): DeviceHandle
  describe(device: DeviceHandle): string
  simdTarget(device: DeviceHandle): string
  convCostModel(device: DeviceHandle): SparseBelow
  convKernels(
    device: DeviceHandle,
    x: readonly number[],
    w: readonly number[],
    options: { stride: number; padding: number },
    density: number,
  ): ConvKernels
  weightCompileSeconds(device: DeviceHandle): number
  memory(device: DeviceHandle): MemoryStats
  pending(device: DeviceHandle): number
  run(
    device: DeviceHandle,
    op: string,
    inputs: readonly (TensorHandle | null)[],
    attributes: Attributes,
  ): (NativeTensor | null)[]
  upload(device: DeviceHandle, shape: readonly number[], dtype: DType, bytes: Uint8Array): NativeTensor
  release(tensor: TensorHandle): void
  read(device: DeviceHandle, tensor: TensorHandle): Promise<ArrayBuffer>
  synchronize(device: DeviceHandle): Promise<void>
}

/** The folder that holds this package's package.json. */
export const packageRoot = findUp(dirname(fileURLToPath(import.meta.url)))

function findUp(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findUp(dirname(folder))
}

type NodeGypBuild = ((folder: string) => Addon) & { path(folder: string): string }
const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as NodeGypBuild

let loaded: Addon | undefined

/** The file that the addon is loaded from. @throws where there is none */
export function addonPath(): string {
  return nodeGypBuild.path(packageRoot)
}

/** @throws DeviceError that names the command that builds the addon. */
export function addon(): Addon {
  if (loaded) return loaded
  try {
    loaded = translated(nodeGypBuild(packageRoot))
    return loaded
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new DeviceError(
      `The native addon of rst-native could not be loaded on ${process.platform}-${process.arch} with Node ${process.versions.node} (${reason}). ` +
        `Build it with: cd ${packageRoot} && npx cmake-js compile (needs a C++20 compiler, CMake and libhwy-dev; sh setup.sh installs them on Debian and Ubuntu).`,
      { cause },
    )
  }
}

function typed(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RstError) return error
  const options = { cause: error }
  switch ((error as { kind?: string }).kind) {
    case 'shape':
      return new ShapeError(error.message, options)
    case 'memory':
      return new OutOfMemoryError(error.message, options)
    case 'argument':
      return new ConfigError(error.message, 'argument', options)
    case 'device':
    case 'internal':
      return new DeviceError(error.message, options)
    default:
      return error
  }
}

/** Every function of the addon, throwing and rejecting with typed errors. */
function translated(native: Addon): Addon {
  const wrap =
    <A extends unknown[], R>(call: (...args: A) => R) =>
    (...args: A): R => {
      try {
        const result = call(...args)
        if (!(result instanceof Promise)) return result
        return result.catch(error => {
          throw typed(error)
        }) as R
      } catch (error) {
        throw typed(error)
      }
    }
  return {
    createCpuDevice: wrap(native.createCpuDevice),
    describe: wrap(native.describe),
    simdTarget: wrap(native.simdTarget),
    convCostModel: wrap(native.convCostModel),
    convKernels: wrap(native.convKernels),
    weightCompileSeconds: wrap(native.weightCompileSeconds),
    memory: wrap(native.memory),
    pending: wrap(native.pending),
    run: wrap(native.run),
    upload: wrap(native.upload),
    release: wrap(native.release),
    read: wrap(native.read),
    synchronize: wrap(native.synchronize),
  }
}
