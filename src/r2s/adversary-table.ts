// The adversaries that are made from options, as adversaries.ts lists them; `random` is made from an attack.
import type { AttackRow } from '../attacks/frame/attack-row.ts'
import * as factories from './adversaries.ts'

const { random: _, ...made } = factories

export const adversaryRows: readonly AttackRow[] = Object.values(made).map(({ row }) => row)
