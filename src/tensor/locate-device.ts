// From the name of a device to the library and index it is made of.
import { DeviceError } from '../errors.ts'
import {
  type DeviceName,
  type NamedDevice,
  packagedBackends,
  parseDeviceName,
} from '../inputs/device-name.ts'
import { findBackend, isInstalled } from '../native/backends.ts'

/** One device of this machine. */
export interface LocatedDevice {
  /** Its own name: 'cpu', 'cuda:0'. */
  readonly name: DeviceName
  /** The library of its backend; empty for the CPU's, which is part of the addon. */
  readonly library: string
  readonly index: number
}

const cpu: LocatedDevice = { name: 'cpu', library: '', index: 0 }

const located = new Map<DeviceName, LocatedDevice>()

/**
 * Looks once for each name: libraries are tried in a process of their own, which takes a while.
 * @throws ConfigError for an unknown name, DeviceError where there is no such device that works
 */
export function locateDevice(name: DeviceName): LocatedDevice {
  const known = located.get(name)
  if (known) return known
  const found = locate(parseDeviceName(name))
  located.set(name, found)
  return found
}

function locate({ backend, index }: NamedDevice): LocatedDevice {
  if (backend === 'auto') return automatic()
  if (backend === 'cpu') return cpu
  const { path, devices } = findBackend(backend)
  const chosen =
    index ??
    Math.max(
      0,
      devices.findIndex(({ problem }) => problem === ''),
    )
  const name = `${backend}:${chosen}` as DeviceName
  const device = devices[chosen]
  if (device === undefined) {
    const there = devices.map(({ description }, i) => `${backend}:${i} (${description})`).join(', ')
    throw new DeviceError(`There is no device ${name}: the ${backend} backend has ${there || 'none'}.`)
  }
  if (device.problem !== '') {
    throw new DeviceError(`The device ${name} (${device.description}) cannot be used: ${device.problem}`)
  }
  return { name, library: path, index: chosen }
}

function automatic(): LocatedDevice {
  const { RST_DEVICE: named } = process.env
  if (named && named !== 'auto') return locate(parseDeviceName(named, 'RST_DEVICE'))
  for (const backend of packagedBackends) {
    if (!isInstalled(backend)) continue
    try {
      return locate({ backend })
    } catch (error) {
      // listDevices tells why.
      if (!(error instanceof DeviceError)) throw error
    }
  }
  return cpu
}
