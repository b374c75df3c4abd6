// The options that name a device.
import { count } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import { type Device, deviceOrNameKind } from './device.ts'
import type { DeviceName } from './device-name.ts'

export interface Placement {
  /** Default 'auto'. */
  device?: DeviceName | Device
  /** Of the CPU; no influence on results. Default: those of the default device. */
  threads?: number
}

export const placementRows: OptionRows<Placement> = {
  device: deviceOrNameKind,
  threads: count(1, 1024),
}
