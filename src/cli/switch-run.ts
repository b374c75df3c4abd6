// What the commands on several tickets share: loading, test images, names, and the folder of the result.
import { join } from 'node:path'
import type { Warning } from '../attacks/frame/attack.ts'
import type { Split } from '../data/dataset.ts'
import { datasets } from '../data/datasets.ts'
import { ConfigError } from '../errors.ts'
import type { EvaluationProgress } from '../evaluation/meter.ts'
import type { Interval } from '../evaluation/statistics.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { laterWriteError } from '../files/write-error.ts'
import type { TransferOptions } from './attack-options.ts'
import type { Library, Switch } from './library.ts'
import { ProgressDisplay, showEvaluation } from './progress.ts'
import { dated } from './provenance-lines.ts'
import { openRunFolder, resumably, runDirOptions } from './resumable.ts'
import type { Session } from './run-command.ts'
import { checkImages, checkRadius, imageChoice } from './test-images.ts'
import { defaultEps } from './training-run.ts'

export interface SwitchRun {
  readonly library: Library
  readonly r2s: Switch
  readonly test: Split
  readonly eps: number
  /** As given. */
  readonly paths: readonly string[]
  /** Short and distinct. */
  readonly names: readonly string[]
}

export async function openSwitchRun(options: TransferOptions, session: Session): Promise<SwitchRun> {
  const { tickets: paths, device, threads } = options
  if (paths === undefined) {
    throw new ConfigError(
      '--tickets is required: give the paths of ticket files, separated by commas.',
      'tickets',
    )
  }
  checkRadius(options)
  await openRunFolder(options)
  const library = await session.loadLibrary()
  const r2s = await library.R2S.load(paths, { device, threads })
  const { metadata } = r2s.tickets[0]
  const dataset = options.dataset ?? metadata.dataset
  const { test, info } = await datasets.open(dataset, options.data)
  checkImages(metadata, info)
  const names = shortNames(paths)
  return { library, r2s, test, eps: options.eps ?? defaultEps(dataset), paths, names }
}

/** The paths without the folders in which all begin, and without what all end in: run folders hold tickets of one name. */
export function shortNames(paths: readonly string[]): string[] {
  const split = paths.map(path => path.replace(/\.safetensors$/, '').split('/'))
  const all = (part: (path: string[]) => string | undefined) =>
    split.every(path => path.length > 1 && part(path) === part(split[0]))
  while (all(path => path[0])) for (const path of split) path.shift()
  while (split.length > 1 && all(path => path.at(-1))) for (const path of split) path.pop()
  return split.map(path => path.join('/'))
}

/** What the library is to do beside the attack. */
export interface ScoringOptions<Report> {
  readonly limit?: number
  readonly first?: number
  readonly seed: number
  readonly dataSeed?: number
  readonly attackSeed?: number
  readonly batchSize: number | undefined
  readonly runDir: string | undefined
  readonly resume: boolean
  readonly onWarning: (message: string) => void
  readonly signal: AbortSignal
  readonly onProgress: (progress: EvaluationProgress) => void
  readonly onComplete: (report: Report) => Promise<void>
}

/**
 * Evaluates, and writes the JSON of the result into --out before what a resume needs is deleted.
 * @param name of the command, and of the file
 */
export async function runSwitch<Report extends { readonly warnings: readonly Warning[] }>(
  name: string,
  options: TransferOptions,
  { test, paths }: SwitchRun,
  session: Session,
  evaluate: (scoring: ScoringOptions<Report>) => Promise<Report>,
): Promise<{ report: Report; json: object }> {
  const { batchSize, out } = options
  const choice = imageChoice(options, test)
  const { terminal, signal } = session
  const display = new ProgressDisplay(terminal, name)
  let json: object = {}
  const report = await resumably(options, session, display, () =>
    evaluate({
      ...choice,
      batchSize,
      ...runDirOptions(options, session),
      signal,
      onProgress: showEvaluation(display),
      async onComplete(found) {
        json = dated({ ...found, tickets: paths, seconds: session.seconds() })
        if (out === undefined) return
        await writeFileAtomic(
          join(out, `${name}.json`),
          `${JSON.stringify(json, null, 2)}\n`,
          laterWriteError,
        )
      },
    }),
  )
  for (const { message } of report.warnings) terminal.warn(message)
  return { report, json }
}

/** How wide the 95 % intervals are in which accuracies of single tickets lie. */
export function marginLine(intervals: readonly Interval[]): string {
  const widest = Math.max(...intervals.map(([low, high]) => high - low))
  return `accuracies of single tickets: 95 % intervals of ±${((100 * widest) / 2).toFixed(1)} points at most`
}

/** Which images the attack moved, as the end of a line; nothing where the attack does not say. */
export function ruleLine(onlyCorrect: boolean | undefined): string {
  if (onlyCorrect === undefined) return ''
  return onlyCorrect
    ? '; the attack moved only images that the attacked ticket still got right (official rule)'
    : '; the attack moved all images'
}
