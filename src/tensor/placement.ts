// The options that name a device.
import { count, kind } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import { Device } from './device.ts'

export interface Placement {
  /** 'auto' and 'cpu' mean the CPU. Default 'auto'. */
  device?: 'auto' | 'cpu' | Device
  /** Of the CPU; no influence on results. Default: those of the default device. */
  threads?: number
}

export const placementRows: OptionRows<Placement> = {
  device: kind("'auto', 'cpu' or a Device", value => value === 'auto' || value === 'cpu' || Device.is(value)),
  threads: count(1, 1024),
}
