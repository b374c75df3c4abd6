// What there is to know of an attack beside its algorithm. Names, flags, help, documentation and tests come from here.
import { kebabCase } from '../../inputs/names.ts'
import { type Filled, type OptionsOf, type Rows, withDefaults } from '../../inputs/rows.ts'
import type { Norm } from './threat-model.ts'

interface RowSpec<R extends Rows> {
  /** In the API: 'apgdT'. */
  readonly name: string
  /** As people call it: 'APGD-T'. */
  readonly title: string
  /** Where it comes from. */
  readonly paper: string
  readonly options: R
  /** Its norm, where it has but one and so no such option. */
  readonly norm?: Norm
  /** Whether a run of it takes `targets`. Default true. */
  readonly targeted?: boolean
  /**
   * Its names on the command line, each with options that the name sets. Default: its name in kebab-case. None: it only
   * trains.
   */
  readonly commands?: Readonly<Record<string, Partial<OptionsOf<R>>>>
  /** Of attacks that a search can train against: the options that differ there unless they are given. */
  readonly training?: Partial<OptionsOf<R>>
}

/** See RowSpec. */
export interface AttackRow {
  readonly name: string
  readonly title: string
  readonly paper: string
  readonly options: Rows
  readonly norm?: Norm
  readonly targeted: boolean
  readonly commands: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly training?: Readonly<Record<string, unknown>>
}

/** Makes attacks, or adversaries of a switch, from options. */
export interface AttackFactory<Options, Made> {
  (options: Options): Made
  readonly row: AttackRow
}

/**
 * A factory that checks its options and fills in their defaults.
 * @param make is given a value for each option that has a default
 */
export function attackFactory<R extends Rows, Made>(
  spec: RowSpec<R>,
  make: (options: Filled<R>) => Made,
): AttackFactory<OptionsOf<R>, Made> {
  const { name, options } = spec
  const row: AttackRow = { targeted: true, commands: { [kebabCase(name)]: {} }, ...spec }
  return Object.assign((given: OptionsOf<R>) => make(withDefaults(name, given, options)), { row })
}
