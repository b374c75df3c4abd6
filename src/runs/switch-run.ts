// What the runs on several tickets share: loading, test images, and the file of the result.
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Warning } from '../attacks/frame/attack.ts'
import type { Dataset } from '../data/dataset.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { formatJson } from '../files/json.ts'
import { laterWriteError } from '../files/write-error.ts'
import { kind, path, required } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import { R2S } from '../r2s/r2s.ts'
import { type Dated, dated } from './closing-evaluation.ts'
import {
  type EvaluationRunOptions,
  evaluationRunRows,
  evaluationSettings,
  openEvaluation,
} from './evaluation-run.ts'
import { checkImages, imageChoice, openData } from './run-data.ts'
import { stage, warn } from './run-events.ts'

/** What every run on several tickets reads. */
export interface SwitchRunOptions extends EvaluationRunOptions {
  /** Paths of tickets of one random network. */
  tickets: readonly string[]
}

export const switchRunRows: OptionRows<SwitchRunOptions> = {
  ...evaluationRunRows,
  tickets: required(
    kind('an array of paths', value => Array.isArray(value) && value.length > 0 && value.every(path.accepts)),
  ),
}

export interface OpenSwitch {
  readonly r2s: R2S
  readonly data: Dataset
}

/** Loads tickets onto one device, and the images that they are for. @throws TicketError, DatasetError, ConfigError */
export async function openSwitch(options: SwitchRunOptions): Promise<OpenSwitch> {
  const { tickets: paths, device, threads } = options
  await openEvaluation(options)
  const r2s = await R2S.load(paths, { device, threads })
  try {
    const { metadata } = r2s.tickets[0]
    const data = await openData(options.data, metadata.dataset)
    checkImages(metadata, data.info)
    options.onBegin?.({ folder: options.out, info: data.info })
    return { r2s, data }
  } catch (error) {
    r2s.dispose()
    throw error
  }
}

/** What a report on several tickets says beside what the library returns. */
export type SwitchReport<Found> = Omit<Found, 'tickets'> &
  Dated & {
    /** Paths, as they were given. */
    readonly tickets: readonly string[]
    /** Of the whole run. */
    readonly seconds: number
  }

/** What the functions of the library read beside the attack. */
export type ScoringOptions<Found> = ReturnType<typeof imageChoice> &
  ReturnType<typeof evaluationSettings> & { readonly onComplete: (found: Found) => Promise<void> }

/**
 * Evaluates as a stage called `name`, and writes `<name>.json` into the folder of the run before what a resume needs is
 * deleted.
 * @param started when the run began, by performance.now()
 */
export async function scoreSwitch<Found extends { readonly warnings: readonly Warning[] }>(
  name: string,
  options: SwitchRunOptions,
  { data }: OpenSwitch,
  started: number,
  score: (scoring: ScoringOptions<Found>) => Promise<Found>,
): Promise<{ report: SwitchReport<Found>; found: Found }> {
  const { tickets, out } = options
  const choice = imageChoice(options, data.test)
  let report: SwitchReport<Found> | undefined
  const found = await stage(options, name, () =>
    score({
      ...choice,
      ...evaluationSettings(options),
      async onComplete(complete) {
        const seconds = (performance.now() - started) / 1000
        report = dated({ ...complete, tickets, seconds }) as SwitchReport<Found>
        if (out === undefined) return
        const json = `${formatJson(report, 2)}\n`
        await writeFileAtomic(join(out, `${name}.json`), json, laterWriteError)
      },
    }),
  )
  for (const { message } of found.warnings) warn(options, message)
  return { report: report!, found }
}
