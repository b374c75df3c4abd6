// The finished work of an evaluation that may be interrupted, in the folder evaluation-state of its run folder:
//
//   config.json              what was evaluated, and with what
//   <attack>_<batch>.safetensors   what an attack found for a batch (of an attack of a series, its part in the name)
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BatchOutcome } from '../attacks/batches.ts'
import type { Journal } from '../attacks/journal.ts'
import { ConfigError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { checkSameConfig, makeFolder, parseConfig, readIfThere } from '../files/run-folder.ts'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../files/safetensors.ts'

const format = 'rst-evaluation-state/1'

export class EvaluationState implements Journal {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Begins the state of an evaluation, or opens that of an interrupted one.
   * @param config all that results depend on, as JSON can hold it
   * @throws ConfigError (option 'out') where one is interrupted there that is not to be resumed, or none is that is, and
   * (option = the key) where a value of `config` differs from the interrupted one's
   */
  static async open(runDir: string, config: object, resume: boolean): Promise<EvaluationState> {
    const folder = join(runDir, 'evaluation-state')
    const file = join(folder, 'config.json')
    const given = JSON.parse(JSON.stringify({ format, ...config }))
    const stored = await readIfThere(file)
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
    if (stored !== undefined) checkSameConfig(parseConfig(stored, file), given, folder)
    else {
      await makeFolder(folder)
      await writeFileAtomic(file, `${JSON.stringify(given, null, 2)}\n`)
    }
    return new EvaluationState(folder)
  }

  /**
   * The batch size of the evaluation that was interrupted in `runDir`, by which its finished work is kept; undefined
   * where there is none.
   */
  static async batchSize(runDir: string): Promise<number | undefined> {
    const file = join(runDir, 'evaluation-state', 'config.json')
    const stored = await readIfThere(file)
    if (stored === undefined) return undefined
    const { batchSize } = parseConfig(stored, file) as { batchSize?: unknown }
    return typeof batchSize === 'number' ? batchSize : undefined
  }

  async read(key: string, sampleIds: Int32Array): Promise<BatchOutcome | undefined> {
    const path = this.#pathOf(key)
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (bytes === undefined) return undefined
    const { metadata, tensors } = decodeSafetensors(bytes, path)
    const data = <T>(name: string) => tensors.get(name)?.data as T
    const images = data<Int32Array | undefined>('images')
    if (images?.length !== sampleIds.length || images.some((id, n) => id !== sampleIds[n])) {
      throw new ConfigError(
        `${path} is of other images than this evaluation has come to: it belongs to another run; delete its folder and start anew.`,
        'out',
      )
    }
    return {
      adversarial: data('adversarial'),
      robust: data('robust'),
      bestLoss: data('best_loss'),
      ...(tensors.has('distances') && { distances: data<Float64Array>('distances') }),
      ...JSON.parse(metadata.outcome),
    }
  }

  async write(key: string, sampleIds: Int32Array, outcome: BatchOutcome): Promise<void> {
    const { adversarial, robust, bestLoss, distances, forwards, backwards, warnings } = outcome
    const count = sampleIds.length
    const tensors = new Map<string, StoredTensor>([
      [
        'adversarial',
        { dtype: 'F32', shape: [count, adversarial.length / Math.max(1, count)], data: adversarial },
      ],
      ['images', { dtype: 'I32', shape: [count], data: sampleIds }],
      ['robust', { dtype: 'U8', shape: [count], data: Uint8Array.from(robust) }],
      ['best_loss', { dtype: 'F64', shape: [count], data: Float64Array.from(bestLoss) }],
    ])
    if (distances) {
      tensors.set('distances', { dtype: 'F64', shape: [count], data: Float64Array.from(distances) })
    }
    const metadata = { format, outcome: JSON.stringify({ forwards, backwards, warnings }) }
    await writeFileAtomic(this.#pathOf(key), encodeSafetensors({ metadata, tensors }))
  }

  /** To be called once the evaluation is complete. */
  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  #pathOf(key: string): string {
    return join(this.#folder, `${key.replaceAll('/', '_')}.safetensors`)
  }
}

/** Some characters that tell contents apart. */
export function fingerprint(...contents: readonly (Float32Array | Int32Array | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const content of contents) {
    hash.update(new Uint8Array(content.buffer, content.byteOffset, content.byteLength))
  }
  return hash.digest('hex').slice(0, 16)
}
