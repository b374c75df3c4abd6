// What attacks read of the command line, from the rows of their options.
import type { NamedAttack } from '../attacks/frame/attack-row.ts'
import type { Row } from '../inputs/rows.ts'
import type { Reader } from './applicable.ts'

type Named = Readonly<Record<string, NamedAttack<unknown>>>

/** An option of an attack, by the name of that attack on the command line. */
export interface Taker {
  readonly name: string
  readonly row: Row
}

/** The options of an attack from those of the command line. */
export function settingsFrom(
  { options }: NamedAttack<unknown>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const read = Object.entries(options).filter(([, { flag }]) => flag !== undefined)
  return Object.fromEntries(read.map(([option, { flag }]) => [option, given[flag!]]))
}

const flagsOf = ({ options }: NamedAttack<unknown>) =>
  Object.values(options).flatMap(({ flag }) => (flag === undefined ? [] : [flag]))

/** What each attack reads. */
export function readersOf(attacks: Named): Readonly<Record<string, Reader>> {
  const readers = Object.entries(attacks).map(([name, attack]) => [
    name,
    { reads: flagsOf(attack), notes: attack.row.lacks },
  ])
  return Object.fromEntries(readers)
}

/** All flags that some of the attacks read, each with those that do. */
export function takersOf(attacks: Named): ReadonlyMap<string, readonly Taker[]> {
  const takers = new Map<string, Taker[]>()
  for (const [name, { options }] of Object.entries(attacks)) {
    for (const row of Object.values(options)) {
      if (row.flag !== undefined) takers.set(row.flag, [...(takers.get(row.flag) ?? []), { name, row }])
    }
  }
  return takers
}
