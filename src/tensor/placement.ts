// The options that name a device.
import { count } from '../inputs/kinds.ts'
import { type OptionsOf, option, optionalOption } from '../inputs/rows.ts'
import { deviceOrNameKind } from './device.ts'

export const placementRows = {
  device: option(deviceOrNameKind, 'auto', 'device; auto takes the best there is'),
  threads: optionalOption(count(1, 1024), 'threads of the CPU, without influence on results', {
    otherwise: 'all cores',
    flag: 'threads',
  }),
}
/** Which device a model is put on, and how many threads it has. */
export type Placement = OptionsOf<typeof placementRows>
