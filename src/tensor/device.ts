// Where tensors live and ops run.
import { availableParallelism } from 'node:os'
import { ConfigError } from '../errors.ts'
import {
  addon,
  type ConvKernels,
  type DeviceHandle,
  type MemoryStats,
  type SparseBelow,
} from '../native/addon.ts'

export interface DeviceOptions {
  /** Threads of the CPU device, ≥ 1. Default: the cores this process may use. */
  threads?: number
  /** Bytes that live tensors may take; beyond it ops fail with OutOfMemoryError. Default: the machine's memory. */
  memoryLimit?: number
  /**
   * 'auto': a convolution of few non-zero weights is computed by the sparse kernels. 'never': by the dense ones, for
   * comparing the two; results then differ in the last bits. Default 'auto'.
   */
  sparse?: 'auto' | 'never'
}

/**
 * A queue with one worker: ops are checked and enqueued at once and run in order, off the event loop.
 * Results do not depend on the number of threads.
 */
export class Device {
  readonly kind = 'cpu'
  readonly threads: number
  readonly sparse: 'auto' | 'never'
  /** @internal */
  readonly handle: DeviceHandle

  constructor({ threads = availableParallelism(), memoryLimit = 0, sparse = 'auto' }: DeviceOptions = {}) {
    if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
      throw new ConfigError(
        `Expected a whole number from 1 to 1024 for threads but received ${threads}.`,
        'threads',
      )
    }
    if (!(memoryLimit >= 0 && memoryLimit <= Number.MAX_SAFE_INTEGER)) {
      throw new ConfigError(
        `Expected a number of bytes for memoryLimit but received ${memoryLimit}.`,
        'memoryLimit',
      )
    }
    if (sparse !== 'auto' && sparse !== 'never') {
      throw new ConfigError(`Expected 'auto' or 'never' for sparse but received '${sparse}'.`, 'sparse')
    }
    this.threads = threads
    this.sparse = sparse
    this.handle = addon().createCpuDevice({
      threads,
      memoryLimit: Math.floor(memoryLimit),
      sparse: sparse === 'auto',
    })
  }

  /** What it runs on, such as 'CPU, AVX2, 2 threads'. */
  get description(): string {
    return addon().describe(this.handle)
  }

  /** The instruction set that kernels use, such as 'AVX2'. */
  get simdTarget(): string {
    return addon().simdTarget(this.handle)
  }

  /** Shares of non-zero weights below which a convolution is computed over these only; 0 with `sparse: 'never'`. */
  get sparseBelow(): SparseBelow {
    return addon().convCostModel(this.handle)
  }

  /**
   * What computes a convolution of x [N, C, H, W] by a weight [K, C, R, S] of which the share `density` is not zero.
   * @throws ShapeError
   */
  convKernels(
    x: readonly number[],
    weight: readonly number[],
    { stride = 1, padding = 0 }: { stride?: number; padding?: number },
    density: number,
  ): ConvKernels {
    return addon().convKernels(this.handle, x, weight, { stride, padding }, density)
  }

  /**
   * Seconds spent so far on bringing weights into the forms that kernels read, masks into lists of kept weights among
   * them: once for each new weight and direction.
   */
  get weightCompileSeconds(): number {
    return addon().weightCompileSeconds(this.handle)
  }

  memory(): MemoryStats {
    return addon().memory(this.handle)
  }

  /** Ops enqueued and not yet finished. */
  get pending(): number {
    return addon().pending(this.handle)
  }

  /** Resolves once everything enqueued so far has run. */
  synchronize(): Promise<void> {
    return addon().synchronize(this.handle)
  }

  static #default: Device | undefined
  /** The device used when none is named. */
  static get default(): Device {
    Device.#default ??= new Device()
    return Device.#default
  }
}

/** The device that options name: 'auto' and 'cpu' mean the CPU, with `threads` threads if given. */
export function resolveDevice(device: 'auto' | 'cpu' | Device = 'auto', threads?: number): Device {
  if (device instanceof Device) return device
  if (device !== 'auto' && device !== 'cpu') {
    throw new ConfigError(`Expected 'auto', 'cpu' or a Device for device but received '${device}'.`, 'device')
  }
  return threads === undefined || threads === Device.default.threads
    ? Device.default
    : new Device({ threads })
}
