// How devices are named: the one place that reads such a name.
import { ConfigError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import { backendNames } from '../native/backends.ts'

/**
 * 'cuda' is the first CUDA device that works, 'cuda:1' the second of the machine; 'auto' is what the environment variable
 * RST_DEVICE names, else the first GPU that works, else the CPU. Backends that RST_BACKENDS registers are named in the same
 * way.
 */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

/** A name taken apart. */
export interface NamedDevice {
  readonly backend: string
  /** Which of its devices; undefined where the name leaves it open. */
  readonly index?: number
}

const single = ['auto', 'cpu']

/** As help and errors list the names. */
export const deviceNames = (): string => [...single, ...backendNames().map(name => `${name}[:n]`)].join(', ')

/** @throws ConfigError for anything else */
export function parseDeviceName(value: unknown, option = 'device'): NamedDevice {
  const [, backend, index] =
    (typeof value === 'string' && /^([a-z][a-z0-9-]*)(?::(0|[1-9]\d{0,2}))?$/.exec(value)) || []
  if (single.includes(backend!) && index === undefined) return { backend: backend! }
  if (!backendNames().includes(backend!)) {
    throw new ConfigError(
      `Expected one of ${deviceNames()} for ${option} but received ${describeValue(value)}.`,
      option,
    )
  }
  return index === undefined ? { backend: backend! } : { backend: backend!, index: Number(index) }
}

/** Whether it is such a name. */
export function isDeviceName(value: unknown): value is DeviceName {
  try {
    parseDeviceName(value)
    return true
  } catch (error) {
    if (error instanceof ConfigError && error.option === 'device') return false
    throw error
  }
}
