// The folder of one run:
//
//   config.json                           the run's configuration
//   metrics.jsonl                         one JSON object a line, each with its step
//   checkpoints/step-XXXXXXXX.safetensors the two newest
//   checkpoints/best.safetensors          the candidate that the run would return
import { appendFile, mkdir, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../errors.ts'
import { type FileContent, writeFileAtomic } from './atomic.ts'
import { writeError } from './write-error.ts'

const keptCheckpoints = 2

export interface Checkpoint {
  readonly step: number
  readonly path: string
}

/** One line of metrics.jsonl. */
export interface Metrics {
  readonly step: number
  readonly [name: string]: unknown
}

export class RunFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Makes the folder, where it does not exist, and writes config.json.
   * @param config as JSON can hold it
   * @throws ConfigError (option 'out') when the folder holds a run already or cannot be written
   */
  static async create(path: string, config: object): Promise<RunFolder> {
    if ((await readIfThere(join(path, 'config.json'))) !== undefined) {
      throw new ConfigError(
        `${path} holds a run already: give another --out, or --resume to continue that run.`,
        'out',
      )
    }
    await makeFolder(join(path, 'checkpoints'))
    await writeFileAtomic(join(path, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
    return new RunFolder(path)
  }

  /**
   * Opens the folder of a former run to continue it from its newest checkpoint, or from the start when it has
   * none. Metrics of later steps are dropped.
   * @throws ConfigError when there is no run, or (option = the key) when a value of `config` differs from the run's
   */
  static async resume(
    path: string,
    config: object,
  ): Promise<{ folder: RunFolder; checkpoint: Checkpoint | undefined }> {
    const file = join(path, 'config.json')
    const stored = await readIfThere(file)
    if (stored === undefined) {
      throw new ConfigError(
        `${path} holds no run to resume: there is no ${file}. Leave out --resume to start one.`,
        'out',
      )
    }
    checkSameConfig(parseConfig(stored, file), JSON.parse(JSON.stringify(config)), path)
    const folder = new RunFolder(path)
    const checkpoint = (await folder.checkpoints()).at(-1)
    await folder.#dropMetricsAfter(checkpoint?.step ?? 0)
    return { folder, checkpoint }
  }

  /** Appends one line to metrics.jsonl. */
  async appendMetrics(metrics: Metrics): Promise<void> {
    const path = join(this.path, 'metrics.jsonl')
    await appendFile(path, `${JSON.stringify(metrics)}\n`).catch(error => {
      throw writeError(error, path)
    })
  }

  /** The lines of metrics.jsonl. */
  async metrics(): Promise<Metrics[]> {
    const lines = await readIfThere(join(this.path, 'metrics.jsonl'))
    return (lines ?? '').split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
  }

  /** Checkpoints from the oldest to the newest. */
  async checkpoints(): Promise<Checkpoint[]> {
    const folder = join(this.path, 'checkpoints')
    const names = await readdir(folder).catch(error => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    return names
      .flatMap(name => {
        const step = /^step-(\d{8,})\.safetensors$/.exec(name)?.[1]
        return step === undefined ? [] : [{ step: Number(step), path: join(folder, name) }]
      })
      .sort((a, b) => a.step - b.step)
  }

  /** Writes the checkpoint of `step`, whole or not at all, then removes all but the newest two. */
  async writeCheckpoint(step: number, content: FileContent): Promise<Checkpoint> {
    const folder = join(this.path, 'checkpoints')
    await makeFolder(folder)
    const path = join(folder, `step-${String(step).padStart(8, '0')}.safetensors`)
    await writeFileAtomic(path, content)
    for (const old of (await this.checkpoints()).slice(0, -keptCheckpoints)) await unlink(old.path)
    return { step, path }
  }

  /** Where the best candidate of the run stands. */
  get bestPath(): string {
    return join(this.path, 'checkpoints', 'best.safetensors')
  }

  async writeBest(content: FileContent): Promise<void> {
    await makeFolder(join(this.path, 'checkpoints'))
    await writeFileAtomic(this.bestPath, content)
  }

  async #dropMetricsAfter(step: number): Promise<void> {
    const path = join(this.path, 'metrics.jsonl')
    const lines = await readIfThere(path)
    if (lines === undefined) return
    // A line that was cut off when the machine stopped is no JSON; it belongs to a later step.
    const kept = lines.split('\n').filter(line => stepOf(line) <= step)
    await writeFileAtomic(path, kept.map(line => `${line}\n`).join(''))
  }
}

/**
 * Makes the first folder `<parent>/<name>-<n>`, n = 1, 2, …, that does not exist, and returns its path.
 * @throws ConfigError (option 'out') when it cannot be made
 */
export async function makeNumberedFolder(parent: string, name: string): Promise<string> {
  await makeFolder(parent)
  for (let n = 1; ; n++) {
    const path = join(parent, `${name}-${n}`)
    try {
      await mkdir(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(error, path)
    }
  }
}

/** Makes a folder with its parents. @throws ConfigError (option 'out') when it cannot be made */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch(error => {
    throw writeError(error, path)
  })
}

/** A text file; undefined where there is none. @throws ConfigError (option 'out') when it cannot be read */
export async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw writeError(error, path)
  })
}

export function parseConfig(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ConfigError(
      `${file} is not JSON, so its run cannot be resumed: start one in another --out.`,
      'out',
      {
        cause: error,
      },
    )
  }
}

export function checkSameConfig(stored: unknown, given: unknown, path: string, key = ''): void {
  if (isObject(stored) && isObject(given)) {
    for (const name of new Set([...Object.keys(stored), ...Object.keys(given)])) {
      checkSameConfig(stored[name], given[name], path, key === '' ? name : `${key}.${name}`)
    }
  } else if (JSON.stringify(stored) !== JSON.stringify(given)) {
    throw new ConfigError(
      `The run in ${path} has ${key} = ${JSON.stringify(stored) ?? 'nothing'} but now it is ${JSON.stringify(given) ?? 'nothing'}: resume with the former value, or start another run.`,
      key,
    )
  }
}

function stepOf(line: string): number {
  try {
    const { step } = JSON.parse(line)
    return typeof step === 'number' ? step : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
