// What the commands on several tickets share: loading, test images, names, and the folder of the result.
import { join } from 'node:path'
import type { Split } from '../data/dataset.ts'
import { datasets } from '../data/datasets.ts'
import { ConfigError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { makeFolder } from '../files/run-folder.ts'
import type { TransferOptions } from './attack-options.ts'
import { limitFor } from './closing-evaluation.ts'
import type { Library, Switch } from './library.ts'
import { type ProgressDisplay, showEvaluation } from './progress.ts'
import type { Session } from './run-command.ts'
import { checkImages, checkRadius } from './test-images.ts'
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
  const { tickets: paths, device, threads, out } = options
  if (paths === undefined) {
    throw new ConfigError(
      '--tickets is required: give the paths of ticket files, separated by commas.',
      'tickets',
    )
  }
  checkRadius(options)
  if (out !== undefined) await makeFolder(out)
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

/** How much is evaluated, and who is told. */
export function scoringOptions(
  { limit, seed, batchSize }: TransferOptions,
  test: Split,
  display: ProgressDisplay,
  { signal }: Session,
) {
  const onProgress = showEvaluation(display)
  return { limit: limitFor(limit, test), seed, batchSize, signal, onProgress }
}

/** Writes the JSON of a result into --out, if given. */
export async function writeResult({ out }: TransferOptions, file: string, json: object): Promise<void> {
  if (out !== undefined) await writeFileAtomic(join(out, file), `${JSON.stringify(json, null, 2)}\n`)
}

/** Which images the attack moved, as the end of a line; nothing where the attack does not say. */
export function ruleLine(onlyCorrect: boolean | undefined): string {
  if (onlyCorrect === undefined) return ''
  return onlyCorrect
    ? '; the attack moved only images that the attacked ticket still got right (official rule)'
    : '; the attack moved all images'
}
