// metrics.jsonl: one JSON object a line, each with its step. It is there to be read by people and programs; what a run
// resumes from is its checkpoint, by which these lines are proven.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { FileError } from '../errors.ts'
import { sync, writeAll, writeFileAtomic } from './atomic.ts'
import { parseJson } from './json.ts'
import { readIfThere } from './run-config.ts'
import { laterWriteError } from './write-error.ts'

/** One line of metrics.jsonl. */
export interface Metrics {
  readonly step: number
  readonly [name: string]: unknown
}

/** Appends a line, and returns once it is on the disk. @throws FileError */
export async function appendMetrics(path: string, metrics: Metrics): Promise<void> {
  // Without blocking until somebody reads from a pipe.
  const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = constants
  try {
    const file = await open(path, O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) {
        throw new FileError(`Cannot write ${path}: it is no regular file but a pipe, socket or device.`, path)
      }
      await writeAll(file, Buffer.from(`${JSON.stringify(metrics)}\n`))
      await sync(file)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw laterWriteError(error, path)
  }
}

/**
 * Makes metrics.jsonl hold one line for each of `records`, in their order. Lines that say what the record says stay as
 * they are; those of later steps, and a last line that was cut off, go: the run will write them again.
 * @param records of a run up to its checkpoint
 * @returns a sentence for each line that was broken, wrong or missing, and now is written anew
 */
export async function restoreMetrics(path: string, records: readonly Metrics[]): Promise<string[]> {
  const text = await readIfThere(path)
  if (text === undefined && records.length === 0) return []
  const problems: string[] = []
  const wrong = (line: number, what: string) =>
    problems.push(`${path}: line ${line} ${what}; the file was written anew from the checkpoint.`)
  const last = records.at(-1)?.step ?? 0
  const byStep = new Map(records.map(record => [record.step, record]))
  const kept = new Map<number, string>()
  const lines = (text ?? '').split('\n')
  for (const [i, line] of lines.entries()) {
    if (i === lines.length - 1) break // what follows the last newline is nothing, or was cut off
    const value = parsed(line)
    if (value === undefined) wrong(i + 1, 'is no JSON object with a step')
    else if (value.step <= last) {
      const record = byStep.get(value.step)
      if (!record || kept.has(value.step)) wrong(i + 1, `of step ${value.step} does not belong there`)
      else if (!says(value, record)) wrong(i + 1, `is not what step ${value.step} came to`)
      else kept.set(value.step, line)
    }
  }
  const missing = records.filter(({ step }) => !kept.has(step))
  if (missing.length > 0 && problems.length === 0) {
    problems.push(
      `${path}: the lines of ${missing.length} of ${records.length} steps were missing; the file was written anew from the checkpoint.`,
    )
  }
  const content = records.map(record => `${kept.get(record.step) ?? JSON.stringify(record)}\n`).join('')
  if (content !== text) await writeFileAtomic(path, content)
  return problems
}

function parsed(line: string): Metrics | undefined {
  try {
    const value = parseJson(line) as Metrics | null
    return typeof value === 'object' && Number.isFinite(value?.step) ? value! : undefined
  } catch {
    return undefined
  }
}

/** Whether a line has all values of a record, and perhaps more. */
function says(line: Metrics, record: Metrics): boolean {
  return Object.entries(JSON.parse(JSON.stringify(record))).every(([name, value]) =>
    isDeepStrictEqual(line[name], value),
  )
}
