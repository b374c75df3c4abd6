// Which devices this machine has for the package.
import { DeviceError } from '../errors.ts'
import { backendNames, type DeviceName } from '../inputs/device-name.ts'
import { findBackend } from '../native/backends.ts'
import { resolveDevice } from './device.ts'

/** A device as `listDevices` tells it. */
export interface ListedDevice {
  /** As options take it. */
  readonly name: DeviceName
  /** What it is, such as 'CPU, AVX2, 2 threads'. */
  readonly description: string
  /** Whether it works. */
  readonly usable: boolean
  /** Why it is not usable, and what to do about it. */
  readonly problem?: string
}

/**
 * The CPU, then the devices of each backend; of a backend without any, one entry that says why. The first call
 * tries the libraries that are installed, each in a process of its own, which may take seconds.
 * @throws DeviceError where the native addon does not work
 * @example
 * import { listDevices } from 'rst-native'
 * for (const { name, usable, problem } of listDevices()) console.log(name, usable, problem)
 * console.log(listDevices()[0].name) // → cpu
 */
export function listDevices(): ListedDevice[] {
  const cpu: ListedDevice = { name: 'cpu', description: resolveDevice('cpu').description, usable: true }
  return [cpu, ...backendNames().flatMap(devicesOf)]
}

function devicesOf(backend: string): ListedDevice[] {
  try {
    return findBackend(backend).devices.map(({ description, problem }, index) => ({
      name: `${backend}:${index}` as DeviceName,
      description,
      usable: problem === '',
      ...(problem !== '' && { problem }),
    }))
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
    const { message: problem } = error
    return [{ name: backend as DeviceName, description: backend.toUpperCase(), usable: false, problem }]
  }
}
