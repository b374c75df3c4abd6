// How devices are named: the one place that reads such a name.
import { delimiter, resolve } from 'node:path'
import { ConfigError } from '../errors.ts'
import { describeValue } from './options.ts'

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

/** Backends that come as packages of their own or beside the addon; 'auto' takes the first that works. */
export const packagedBackends: readonly string[] = ['cuda']

/** All but the CPU's. @throws ConfigError for an RST_BACKENDS that cannot be read */
export function backendNames(): string[] {
  return [...new Set([...packagedBackends, ...registeredBackends().keys()])]
}

/**
 * The libraries that RST_BACKENDS names, several separated as in PATH: "name=path" for who develops one, "name" where it
 * lies where packaged ones do.
 */
export function registeredBackends(): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>()
  for (const entry of (process.env.RST_BACKENDS ?? '').split(delimiter)) {
    if (entry === '') continue
    const [, name, path] = /^([a-z][a-z0-9-]*)(?:=(.+))?$/.exec(entry) ?? []
    if (name === undefined || name === 'auto' || name === 'cpu') {
      throw new ConfigError(
        `Expected name=path or name, several separated by '${delimiter}', in the environment variable RST_BACKENDS but received '${entry}'.`,
        'RST_BACKENDS',
      )
    }
    found.set(name, path && resolve(path))
  }
  return found
}
