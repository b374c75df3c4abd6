// All attacks, as index.ts lists them: what is written of each is in its own file.
import type { AttackRow } from './frame/attack-row.ts'
import * as factories from './index.ts'

export const attackRows: readonly AttackRow[] = Object.values(factories).map(({ row }) => row)
