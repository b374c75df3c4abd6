// The folder of one run:
//
//   config.json                             the run's configuration
//   metrics.jsonl                           one JSON object a line, each with its step
//   checkpoints/step-XXXXXXXX.safetensors   the two newest
//   checkpoints/best-XXXXXXXX.safetensors   the candidates that these would return, by the steps they were made at
//   .lock                                   while a process works there
import { readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, TicketError } from '../errors.ts'
import { type FileContent, removeLeftovers, writeFileAtomic } from './atomic.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { makeFolder } from './folders.ts'
import { appendMetrics, type Metrics, restoreMetrics } from './metrics.ts'
import { checkSameConfig, parseConfig, readIfThere } from './run-config.ts'
import { laterWriteError } from './write-error.ts'

const keptCheckpoints = 2

export interface Checkpoint {
  readonly step: number
  readonly path: string
}

/** A run's folder, locked for this process until it is closed. */
export class RunFolder {
  readonly path: string
  readonly #lock: FolderLock

  private constructor(path: string, lock: FolderLock) {
    this.path = path
    this.#lock = lock
  }

  /**
   * Makes the folder, where it does not exist, and writes config.json.
   * @param config as JSON can hold it
   * @throws ConfigError (option 'out') when the folder holds a run already, another process works there, or it cannot
   * be written
   */
  static async create(path: string, config: object): Promise<RunFolder> {
    await makeFolder(path)
    return RunFolder.#open(path, async () => {
      if ((await readIfThere(join(path, 'config.json'))) !== undefined) {
        throw new ConfigError(
          `${path} holds a run already: give another --out, or --resume to continue that run.`,
          'out',
        )
      }
      await makeFolder(join(path, 'checkpoints'))
      await writeFileAtomic(join(path, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
    })
  }

  /**
   * Opens the folder of a former run to continue it.
   * @throws ConfigError when there is no run, another process works there, or (option = the key) when a value of
   * `config` differs from the run's; TicketError where its format differs
   */
  static async resume(path: string, config: object): Promise<RunFolder> {
    const file = join(path, 'config.json')
    const stored = await readIfThere(file)
    if (stored === undefined) {
      throw new ConfigError(
        `${path} holds no run to resume: there is no ${file}. Leave out --resume to start one.`,
        'out',
      )
    }
    const former = parseConfig(stored, file)
    const given = JSON.parse(JSON.stringify(config))
    if ((former as { format?: unknown } | null)?.format !== given.format) {
      throw new TicketError(
        `${file}: the run was started by another version of rst-native, whose checkpoints this one does not read: start it anew in another --out.`,
        'format',
      )
    }
    checkSameConfig(former, given, path)
    return RunFolder.#open(path, () => makeFolder(join(path, 'checkpoints')))
  }

  static async #open(path: string, prepare: () => Promise<void>): Promise<RunFolder> {
    const lock = await lockFolder(path)
    try {
      await prepare()
      for (const folder of [path, join(path, 'checkpoints')]) await removeLeftovers(folder)
      return new RunFolder(path, lock)
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Lets other processes work in the folder. */
  close(): Promise<void> {
    return this.#lock.release()
  }

  /** Appends one line to metrics.jsonl. @throws FileError */
  appendMetrics(metrics: Metrics): Promise<void> {
    return appendMetrics(join(this.path, 'metrics.jsonl'), metrics)
  }

  /** See restoreMetrics. */
  restoreMetrics(records: readonly Metrics[]): Promise<string[]> {
    return restoreMetrics(join(this.path, 'metrics.jsonl'), records)
  }

  /** Checkpoints from the oldest to the newest. */
  async checkpoints(): Promise<Checkpoint[]> {
    return this.#numbered('step')
  }

  /**
   * Writes the checkpoint of `step`, whole or not at all, then removes all but the newest two, and the candidates that
   * neither of these would return.
   * @throws FileError
   */
  async writeCheckpoint(step: number, content: FileContent): Promise<void> {
    const path = this.#pathOf('step', step)
    await writeFileAtomic(path, content, laterWriteError)
    const checkpoints = await this.checkpoints()
    const kept = checkpoints.slice(-keptCheckpoints)
    const candidates = await this.#numbered('best')
    // A checkpoint may have been written before or after its own step's candidate.
    const needed = kept.flatMap(({ step: at }) => [
      candidates.findLast(best => best.step < at),
      candidates.findLast(best => best.step <= at),
    ])
    const old = [...checkpoints, ...candidates].filter(file => !kept.includes(file) && !needed.includes(file))
    for (const file of old) {
      if (file.step > step) continue
      await unlink(file.path).catch(error => {
        throw laterWriteError(error, file.path)
      })
    }
  }

  /** Takes a checkpoint that cannot be used out of the way, for whoever wants to look into it. */
  async setAside({ path }: Checkpoint): Promise<void> {
    await rename(path, `${path}.damaged`).catch(error => {
      throw laterWriteError(error, path)
    })
  }

  /** Where the candidate made at `step` stands. */
  bestPath(step: number): string {
    return this.#pathOf('best', step)
  }

  /** @throws FileError */
  async writeBest(step: number, content: FileContent): Promise<void> {
    await writeFileAtomic(this.bestPath(step), content, laterWriteError)
  }

  #pathOf(kind: 'step' | 'best', step: number): string {
    return join(this.path, 'checkpoints', `${kind}-${String(step).padStart(8, '0')}.safetensors`)
  }

  async #numbered(kind: 'step' | 'best'): Promise<Checkpoint[]> {
    const folder = join(this.path, 'checkpoints')
    const names = await readdir(folder).catch(error => {
      throw laterWriteError(error, join(folder, kind))
    })
    return names
      .flatMap(name => {
        const step = /^(step|best)-(\d{8,})\.safetensors$/.exec(name)
        return step?.[1] === kind ? [{ step: Number(step[2]), path: join(folder, name) }] : []
      })
      .sort((a, b) => a.step - b.step)
  }
}
