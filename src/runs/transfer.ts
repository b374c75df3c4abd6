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

/** Which tickets are attacked, by what, and where the results go. */
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

/** What a run found. */
export interface TransferRun {
  /** What `rst transfer --json` prints. */
  readonly report: SwitchReport<TransferMatrix>
  /** What `transferMatrix` returned. */
  readonly matrix: TransferMatrix
}

/**
 * Attacks each ticket and asks every ticket about the images found. `out` then holds transfer.json.
 *
 * Stage: 'transfer'.
 * @param options tickets, attack, images and folder
 * @throws as transferMatrix; TicketError where the tickets are not of one random network; FileError
 * @example
 * import { attacks, datasets, runs } from 'rst-native'
 * const { report } = await runs.transfer({
 *   tickets: ['rst-5.safetensors', 'rst-10.safetensors'],
 *   data: await datasets.cifar10(),
 *   attack: attacks.pgd({ eps: 8 / 255 }),
 *   limit: 1000,
 * })
 * console.log(report.matrix.length, report.mean)
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
