// Backends that are native libraries of their own: which there are, and whether they work here.
import { existsSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { ConfigError, DeviceError } from '../errors.ts'
import { addon } from './addon.ts'
import { type BackendDevice, tryBackend, type Verdict } from './backend-trial.ts'

/** Those that may lie beside the addon; 'auto' takes the first that works. */
export const packagedBackends: readonly string[] = ['cuda']

/** All but the CPU's. @throws ConfigError for an RST_BACKENDS that cannot be read */
export function backendNames(): string[] {
  return [...new Set([...packagedBackends, ...registered().keys()])]
}

/** Whether there is a library at all. */
export const isInstalled = (name: string): boolean => existsSync(pathOf(name))

/**
 * The library of a backend and its devices. What a trial found is kept as long as this process lives.
 * @throws DeviceError that says why it cannot be used
 */
export function findBackend(name: string): { path: string; devices: readonly BackendDevice[] } {
  const path = pathOf(name)
  if (!existsSync(path)) {
    throw new DeviceError(
      `No ${name.toUpperCase()} backend is installed: there is no file ${path}. Use the device 'cpu' or 'auto'.`,
    )
  }
  const known = addon().backendVerdict(path)
  const verdict = known === null ? tryBackend(path) : (JSON.parse(known) as Verdict)
  if (known === null) addon().keepBackendVerdict(path, JSON.stringify(verdict))
  if ('problem' in verdict) throw new DeviceError(verdict.problem)
  return { path, devices: verdict.devices }
}

const pathOf = (name: string): string => registered().get(name) ?? addon().backendPath(name)

/** Those that RST_BACKENDS names, for who develops one: "name=path", several separated as in PATH. */
function registered(): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of (process.env.RST_BACKENDS ?? '').split(delimiter)) {
    if (entry === '') continue
    const [, name, path] = /^([a-z][a-z0-9-]*)=(.+)$/.exec(entry) ?? []
    if (name === undefined || path === undefined || name === 'auto' || name === 'cpu') {
      throw new ConfigError(
        `Expected name=path, several separated by '${delimiter}', in the environment variable RST_BACKENDS but received '${entry}'.`,
        'RST_BACKENDS',
      )
    }
    found.set(name, resolve(path))
  }
  return found
}
