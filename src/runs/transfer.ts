// The transfer matrix between saved tickets.
import { performance } from 'node:perf_hooks'
import type { Attack } from '../attacks/frame/attack.ts'
import { required } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { type TransferMatrix, transferMatrix, transferRows } from '../r2s/transfer.ts'
import { type Known, made } from './evaluation-run.ts'
import {
  openSwitch,
  type SwitchReport,
  type SwitchRunOptions,
  scoreSwitch,
  switchRunRows,
} from './switch-run.ts'

export interface TransferRunOptions extends SwitchRunOptions {
  /** On each ticket; or a function that makes it once the data set is known. */
  attack: Known<Attack>
}

export const transferRunRows: OptionRows<TransferRunOptions> = {
  ...switchRunRows,
  attack: required({
    ...transferRows.attack,
    accepts: value => typeof value === 'function' || transferRows.attack.accepts(value),
  }),
}

export interface TransferRun {
  /** What `rst transfer --json` prints. */
  readonly report: SwitchReport<TransferMatrix>
  readonly matrix: TransferMatrix
}

/**
 * Attacks each ticket and asks every ticket about the images found. `out` then holds transfer.json.
 *
 * Stage: 'transfer'.
 * @throws as transferMatrix; TicketError where the tickets are not of one random network; FileError
 */
export async function transfer(options: TransferRunOptions): Promise<TransferRun> {
  checkOptions('transfer', options, transferRunRows)
  const started = performance.now()
  const run = await openSwitch(options)
  using r2s = run.r2s
  const attack = made(options.attack, run.data.info)
  const { report, found } = await scoreSwitch<TransferMatrix>('transfer', options, run, started, scoring =>
    transferMatrix(r2s.tickets, run.data.test, { attack, ...scoring }),
  )
  return { report, matrix: found }
}
