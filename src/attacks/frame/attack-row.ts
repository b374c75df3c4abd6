// What a table of attacks says of each.
import type { OptionRows } from '../../inputs/options.ts'

export interface AttackRow<Options, Made> {
  readonly make: (options: Options) => Made
  readonly options: OptionRows<Options>
  /** Options that are enough, 8/255 on CIFAR. */
  readonly example: Options
  /** Whether a run of it takes `targets`. */
  readonly targeted: boolean
}

export function attackRow<Options, Made>(
  make: (options: Options) => Made,
  options: OptionRows<Options>,
  example: Options,
  targeted = true,
): AttackRow<Options, Made> {
  return { make, options, example, targeted }
}
