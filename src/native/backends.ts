// Backends that are native libraries of their own: which there are, and whether they work here.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { DeviceError } from '../errors.ts'
import { registeredBackends } from '../inputs/device-name.ts'
import { addon } from './addon.ts'
import { type BackendDevice, tryBackend, type Verdict } from './backend-trial.ts'
import { packageRoot } from './package-root.ts'

/** Whether there is a library at all. */
export const isInstalled = (name: string): boolean => existsSync(pathOf(name))

/**
 * The library of a backend and its devices. What a trial found is kept as long as this process lives.
 * @throws DeviceError that says why it cannot be used
 */
export function findBackend(name: string): { path: string; devices: readonly BackendDevice[] } {
  const path = pathOf(name)
  if (!existsSync(path)) {
    const no =
      registeredBackends().get(name) === undefined ? `neither a package ${packageOf(name)} nor a` : 'no'
    throw new DeviceError(
      `No ${name.toUpperCase()} backend is installed: there is ${no} file ${path}. Use the device 'cpu' or 'auto'.`,
    )
  }
  const known = addon().backendVerdict(path)
  const verdict = known === null ? tryBackend(path) : (JSON.parse(known) as Verdict)
  if (known === null) addon().keepBackendVerdict(path, JSON.stringify(verdict))
  if ('problem' in verdict) throw new DeviceError(verdict.problem)
  return { path, devices: verdict.devices }
}

/** The npm package that brings a backend for this platform. */
const packageOf = (name: string): string => `rst-native-${name}-${process.platform}-${process.arch}`

function pathOf(name: string): string {
  const registered = registeredBackends().get(name)
  if (registered !== undefined) return registered
  const beside = addon().backendPath(name)
  return inPackage(name, basename(beside)) ?? beside
}

/** A file of that package, where it is installed. */
function inPackage(name: string, file: string): string | undefined {
  try {
    const about = createRequire(join(packageRoot, 'package.json')).resolve(`${packageOf(name)}/package.json`)
    return join(dirname(about), file)
  } catch {
    return undefined
  }
}
