// The exact accuracy of a random switch between saved tickets.
import { performance } from 'node:perf_hooks'
import { required } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import {
  evaluateR2S,
  type SwitchEvaluationOptions,
  type SwitchExpectation,
  type SwitchSimulation,
  switchEvaluationRows,
} from '../r2s/evaluate.ts'
import type { SwitchAttack } from '../r2s/switch-attack.ts'
import { type Known, made } from './evaluation-run.ts'
import {
  openSwitch,
  type SwitchReport,
  type SwitchRunOptions,
  scoreSwitch,
  switchRunRows,
} from './switch-run.ts'

/** Which tickets switch, who attacks them, and where the results go. */
export interface R2SRunOptions
  extends SwitchRunOptions,
    Pick<SwitchEvaluationOptions, 'simulate' | 'singles'> {
  /** One of `adversaries`, or a function that makes it once the data set is known. */
  adversary: Known<SwitchAttack>
}

const { adversary, simulate, singles } = switchEvaluationRows

export const r2sRunRows: OptionRows<R2SRunOptions> = {
  ...switchRunRows,
  adversary: required({
    ...adversary,
    accepts: value => typeof value === 'function' || adversary.accepts(value),
  }),
  simulate,
  singles,
}

/** What a run found. */
export interface R2SRun {
  /** What `rst r2s --json` prints. */
  readonly report: SwitchReport<SwitchExpectation | SwitchSimulation>
  /** What `evaluateR2S` returned. */
  readonly found: SwitchExpectation | SwitchSimulation
}

/**
 * Computes what a random switch between the tickets comes to. `out` then holds r2s.json.
 *
 * Stage: 'r2s'.
 * @param options tickets, adversary, images and folder
 * @throws as evaluateR2S; TicketError where the tickets are not of one random network; FileError
 * @example
 * import { adversaries, datasets, runs } from 'rst-native'
 * const { report } = await runs.r2s({
 *   tickets: ['rst-5.safetensors', 'rst-10.safetensors'],
 *   data: await datasets.cifar10(),
 *   adversary: adversaries.arc({ eps: 8 / 255, steps: 5 }),
 *   limit: 1000,
 * })
 * console.log(report.tickets.length, report.robustAccuracy)
 */
export async function r2s(options: R2SRunOptions): Promise<R2SRun> {
  checkOptions('r2s', options, r2sRunRows)
  const started = performance.now()
  const run = await openSwitch(options)
  using tickets = run.r2s
  const adversary = made(options.adversary, run.data.info)
  const { simulate, singles } = options
  return await scoreSwitch<SwitchExpectation | SwitchSimulation>('r2s', options, run, started, scoring =>
    evaluateR2S(tickets, run.data.test, { adversary, simulate, singles, ...scoring }),
  )
}
