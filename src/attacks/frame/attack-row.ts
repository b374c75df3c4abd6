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
  /** Of options that others have: why it has none, for the command line. */
  readonly lacks?: Readonly<Record<string, string>>
  /** Of attacks that a search can train against: the options that differ there unless they are given. */
  readonly training?: Partial<OptionsOf<R>>
}

/** What there is to know of an attack beside its algorithm: what the command line, help and documentation read. */
export interface AttackRow {
  /** In the API: 'apgdT'. */
  readonly name: string
  /** As people call it: 'APGD-T'. */
  readonly title: string
  /** Where it comes from. */
  readonly paper: string
  /** Its options by name, each with kind, default and one sentence. */
  readonly options: Rows
  /** Its norm, where it has but one and so no such option. */
  readonly norm?: Norm
  /** Whether a run of it takes `targets`. */
  readonly targeted: boolean
  /** Its names on the command line, each with options that the name sets. */
  readonly commands: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Of options that others have: why it has none. */
  readonly lacks?: Readonly<Record<string, string>>
  /** The options that differ where a search trains against it, unless they are given. */
  readonly training?: Readonly<Record<string, unknown>>
}

/** Makes attacks, or adversaries of a switch, from options. */
export interface AttackFactory<Options, Made> {
  /**
   * Makes one.
   * @param options those that the row lists; the type of each factory has them with range and default
   * @throws ConfigError naming the first option that is unknown, missing or out of range
   */
  (options: Options): Made
  /** What there is to know of it. */
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

/** What a name of the command line stands for. */
export interface NamedAttack<Made> {
  readonly row: AttackRow
  /** The options that the name leaves open, with the defaults that they have under it. */
  readonly options: Rows
  /** @throws ConfigError */
  readonly make: (options: Readonly<Record<string, unknown>>) => Made
}

/** Attacks by their names on the command line: those that attack, or those that a search trains against. */
export function byCommand<Made>(
  factories: readonly AttackFactory<never, Made>[],
  use: 'attack' | 'training' = 'attack',
): Readonly<Record<string, NamedAttack<Made>>> {
  const named = factories.flatMap(make => {
    const { row } = make
    if (use === 'attack') {
      return Object.entries(row.commands).map(([name, set]) => [name, namedAttack(make, set, {})] as const)
    }
    return row.training ? [[kebabCase(row.name), namedAttack(make, {}, row.training)] as const] : []
  })
  return Object.fromEntries(named)
}

type Settings = Readonly<Record<string, unknown>>

function namedAttack<Made>(
  factory: AttackFactory<never, Made>,
  set: Settings,
  defaults: Settings,
): NamedAttack<Made> {
  const { row } = factory
  const open = Object.entries(row.options)
    .filter(([name]) => !(name in set))
    .map(([name, option]) => [name, name in defaults ? { ...option, default: defaults[name] } : option])
  return {
    row,
    options: Object.fromEntries(open),
    make(options) {
      const given = Object.entries(options).filter(([, value]) => value !== undefined)
      return factory({ ...set, ...defaults, ...Object.fromEntries(given) } as never)
    },
  }
}
