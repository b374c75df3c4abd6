// The adversaries that are made from options, as adversaries.ts lists them; `random` is made from an attack.
import { type AttackFactory, type AttackRow, byCommand } from '../attacks/frame/attack-row.ts'
import * as factories from './adversaries.ts'
import type { SwitchAttack } from './switch-attack.ts'

const { random: _, ...made } = factories
const all: readonly AttackFactory<never, SwitchAttack>[] = Object.values(made)

export const adversaryRows: readonly AttackRow[] = all.map(({ row }) => row)

/** By their names on the command line. */
export const adversaryCommands = byCommand(all)
