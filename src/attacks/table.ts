// All attacks, as index.ts lists them: what is written of each is in its own file.
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, type AttackRow, byCommand, type NamedAttack } from './frame/attack-row.ts'
import type { InnerAttack } from './frame/inner-attack.ts'
import * as factories from './index.ts'

const all: readonly AttackFactory<never, Attack | InnerAttack>[] = Object.values(factories)

export const attackRows: readonly AttackRow[] = all.map(({ row }) => row)

/** Those that attack what is trained, by their names on the command line. */
export const attackCommands = byCommand(all) as Readonly<Record<string, NamedAttack<Attack>>>

/** Those that a search can train against, by their names on the command line. */
export const innerAttackCommands = byCommand(all, 'training') as Readonly<
  Record<string, NamedAttack<InnerAttack>>
>
