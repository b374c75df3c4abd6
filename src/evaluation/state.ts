// The finished work of an evaluation that may be interrupted, in the folder evaluation-state of its run folder:
//
//   config.json                    what is evaluated, and with what
//   <attack>_<batch>.safetensors   what an attack found for a batch (of an attack of a series, its part in the name)
//
// Batches are sealed (files/sealed.ts), and name the run and the batch that they are of.
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BatchOutcome } from '../attacks/frame/batch-outcome.ts'
import type { Journal } from '../attacks/frame/journal.ts'
import { ConfigError, TicketError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { makeFolder } from '../files/folders.ts'
import { parseJson } from '../files/json.ts'
import { readRegularFile } from '../files/read-file.ts'
import { checkSameConfig } from '../files/run-config.ts'
import { decodeSealed } from '../files/sealed.ts'
import { laterWriteError } from '../files/write-error.ts'
import { encodeOutcome, outcomeOf } from './stored-outcome.ts'

const format = 'rst-evaluation-state/2'
/** Longest file name that every system takes, less its ending. */
const longestName = 200

export const stateFolder = (runDir: string) => join(runDir, 'evaluation-state')

/** What an interrupted evaluation wrote down of itself. */
export interface StoredConfig {
  readonly batchSize: number
  readonly [key: string]: unknown
}

export interface StateOptions {
  /** Values of an image. */
  readonly imageSize: number
  /** Told of each batch that is done again because its file is damaged. */
  readonly onDamage: (message: string) => void
}

export class EvaluationState implements Journal {
  readonly #folder: string
  /** Tells runs apart. */
  readonly #run: string
  readonly #options: StateOptions

  private constructor(folder: string, run: string, options: StateOptions) {
    this.#folder = folder
    this.#run = run
    this.#options = options
  }

  /**
   * What was evaluated in `runDir` when it was interrupted; undefined where nothing was.
   * @throws ConfigError (option 'out') where one is interrupted there that is not to be resumed, or none is that is, or
   * what it wrote down is damaged
   */
  static async find(runDir: string, resume: boolean): Promise<StoredConfig | undefined> {
    const folder = stateFolder(runDir)
    const file = join(folder, 'config.json')
    const stored = await readIfThere(
      file,
      (reason, cause) =>
        new ConfigError(`Cannot read ${file}: ${reason}; delete ${folder} and start anew.`, 'out', { cause }),
    )
    if (resume && stored === undefined) {
      throw new ConfigError(
        `${runDir} holds no interrupted evaluation: there is no ${file}. Leave out --resume to start one.`,
        'out',
      )
    }
    if (!resume && stored !== undefined) {
      throw new ConfigError(
        `${runDir} holds an interrupted evaluation: continue it with --resume, give another --out, or delete ${folder}.`,
        'out',
      )
    }
    return stored && parseConfig(stored.toString(), file, folder)
  }

  /**
   * Begins the state of an evaluation, or opens that of an interrupted one.
   * @param stored what `find` found
   * @param config all that results depend on, as JSON can hold it
   * @throws ConfigError (option = the key) where a value of `config` differs from the interrupted one's
   */
  static async open(
    runDir: string,
    config: { batchSize: number },
    stored: StoredConfig | undefined,
    options: StateOptions,
  ): Promise<EvaluationState> {
    const folder = stateFolder(runDir)
    const text = JSON.stringify({ format, ...config }, null, 2)
    if (stored !== undefined) checkSameConfig(stored, JSON.parse(text), folder)
    else {
      await makeFolder(folder)
      await writeFileAtomic(join(folder, 'config.json'), `${text}\n`)
    }
    return new EvaluationState(folder, createHash('sha256').update(text).digest('hex'), options)
  }

  /** A batch whose file is damaged or cannot be read counts as not there. */
  async read(key: string, sampleIds: Int32Array): Promise<BatchOutcome | undefined> {
    const path = this.#pathOf(key)
    try {
      const bytes = await readIfThere(
        path,
        (reason, cause) => new TicketError(`Cannot read ${path}: ${reason}.`, 'file', { cause }),
      )
      if (bytes === undefined) return undefined
      const file = decodeSealed(bytes, path, 'its batch is done again')
      return outcomeOf(file, { ...this.#entry(key), sampleIds, imageSize: this.#options.imageSize }, path)
    } catch (error) {
      if (!(error instanceof TicketError)) throw error
      this.#options.onDamage(`A finished batch is done again: ${error.message}`)
      return undefined
    }
  }

  /** @throws FileError */
  async write(key: string, sampleIds: Int32Array, outcome: BatchOutcome): Promise<void> {
    const { imageSize } = this.#options
    const content = encodeOutcome(outcome, { ...this.#entry(key), sampleIds, imageSize })
    if (content !== undefined) await writeFileAtomic(this.#pathOf(key), content, laterWriteError)
  }

  /**
   * To be called once the evaluation is complete. Without config.json the rest is no interrupted evaluation.
   * @throws FileError
   */
  async remove(): Promise<void> {
    try {
      await rm(join(this.#folder, 'config.json'), { force: true })
      await rm(this.#folder, { recursive: true, force: true })
    } catch (error) {
      throw laterWriteError(error, this.#folder)
    }
  }

  #entry(key: string) {
    return { format, run: this.#run, key }
  }

  #pathOf(key: string): string {
    const name = key.replaceAll(/[^\p{L}\p{N}._-]/gu, '_')
    const short = name.length <= longestName ? name : createHash('sha256').update(key).digest('hex')
    return join(this.#folder, `${short}.safetensors`)
  }
}

async function readIfThere(
  path: string,
  failure: (reason: string, cause?: unknown) => Error,
): Promise<Buffer<ArrayBuffer> | undefined> {
  return readRegularFile(path, failure).catch(error => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined
    throw error
  })
}

function parseConfig(text: string, file: string, folder: string): StoredConfig {
  const damaged = (what: string, cause?: unknown) =>
    new ConfigError(
      `${file} is damaged: ${what}. Delete ${folder} and start the evaluation anew.`,
      'out',
      cause === undefined ? undefined : { cause },
    )
  let config: unknown
  try {
    config = parseJson(text)
  } catch (error) {
    throw damaged('it is not JSON', error)
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw damaged('it is no object')
  }
  const { batchSize } = config as { batchSize?: unknown }
  if (!Number.isSafeInteger(batchSize) || (batchSize as number) < 1) {
    throw damaged('its batchSize is no whole number of at least 1')
  }
  return config as StoredConfig
}
