// All attacks, as index.ts lists them: what is written of each is in its own file.
import type { AttackRow } from './frame/attack-row.ts'
import * as factories from './index.ts'

export const attackRows: readonly AttackRow[] = Object.values(factories).map(({ row }) => row)

/** What a name of the command line stands for. */
export interface NamedAttack {
  readonly row: AttackRow
  /** The options that the name sets. */
  readonly sets: Readonly<Record<string, unknown>>
}

/** By their names on the command line. */
export function byCommand(rows: readonly AttackRow[]): Readonly<Record<string, NamedAttack>> {
  return Object.fromEntries(
    rows.flatMap(row => Object.entries(row.commands).map(([name, sets]) => [name, { row, sets }])),
  )
}
