// The checkpoints of a run: when they are written, and how a run finds the one to go on from.
import { performance } from 'node:perf_hooks'
import { isDeepStrictEqual } from 'node:util'
import { concatUint8Arrays } from 'typed-array-utils'
import { TicketError } from '../errors.ts'
import { readRegularFile } from '../files/read-file.ts'
import type { Checkpoint, RunFolder } from '../files/run-folder.ts'
import { decodeState, encodeState, type StoredState } from './checkpoint-file.ts'
import type { EpochSpeed } from './progress-meter.ts'
import type { Candidate } from './selection.ts'
import { type EpochRecord, type Run, stepOfCandidate, type TrainingState } from './training-state.ts'

export interface CheckpointingOptions {
  /** Of the run; see Run. */
  readonly identity: string
  /** Whether the folder's run is to be continued. */
  readonly resume: boolean
  /** Between two checkpoints at most; 0 = only where an epoch ends. */
  readonly minutes: number
  readonly onWarning: (message: string) => void
}

/** Keeps a run's checkpoints and metrics in its folder; without one, only its best candidate, in memory. */
export class Checkpointing {
  readonly #folder: RunFolder | null
  readonly #options: CheckpointingOptions
  #saved = performance.now()
  #best: Uint8Array<ArrayBuffer>[] = []

  constructor(folder: RunFolder | null, options: CheckpointingOptions) {
    this.#folder = folder
    this.#options = options
  }

  get identity(): string {
    return this.#options.identity
  }

  /**
   * Brings `state` to the newest checkpoint that can be used; where there is none at all, it stays at the start. Tells of
   * those that cannot be used, and of metrics that had to be written anew.
   * @throws TicketError where there are checkpoints, and none can be used
   */
  async restore(state: TrainingState, run: Run): Promise<void> {
    const folder = this.#folder
    if (!folder || !this.#options.resume) return
    const checkpoints = (await folder.checkpoints()).reverse()
    const useless: { checkpoint: Checkpoint; error: TicketError }[] = []
    let stored: StoredState | undefined
    for (const checkpoint of checkpoints) {
      try {
        stored = await this.#read(checkpoint, state, run)
        break
      } catch (error) {
        if (!(error instanceof TicketError)) throw error
        useless.push({ checkpoint, error })
      }
    }
    if (!stored && useless.length > 0) {
      const { message, field } = useless[0].error
      throw new TicketError(
        useless.length === 1
          ? `The only checkpoint cannot be used. ${message}`
          : `None of the ${useless.length} checkpoints can be used. The newest: ${message}`,
        field,
        { cause: useless[0].error },
      )
    }
    for (const { checkpoint, error } of useless) {
      this.#options.onWarning(
        `${error.message} The run goes on from the checkpoint before it, of step ${stored!.position.step}.`,
      )
      // Otherwise it would be the newest again at the next resume, and count among those that are kept.
      await folder.setAside(checkpoint)
    }
    stored?.apply()
    const records = state.position.history as unknown as { step: number }[]
    for (const problem of await folder.restoreMetrics(records)) this.#options.onWarning(problem)
  }

  async #read({ path, step }: Checkpoint, state: TrainingState, run: Run): Promise<StoredState> {
    const stored = decodeState(await readState(path), path, state, run)
    const { position } = stored
    if (position.step !== step) {
      throw new TicketError(
        `${path} is of step ${position.step}: it was renamed, or belongs to another run.`,
        'position',
      )
    }
    // What the end of the run needs is missed now rather than then.
    if (position.best) await this.#readBest(position.best, state, run)
    return stored
  }

  /** Whether so much time has passed since the last checkpoint that it is time for another. */
  get isDue(): boolean {
    const { minutes } = this.#options
    return this.#folder !== null && minutes > 0 && performance.now() - this.#saved >= minutes * 60_000
  }

  async save(state: TrainingState): Promise<void> {
    if (this.#folder) {
      await this.#folder.writeCheckpoint(state.position.step, await encodeState(state, this.identity))
    }
    this.#saved = performance.now()
  }

  /** To be called once the state has the record in its history. Only metrics.jsonl tells the speed, which is of no result. */
  async epochEnded(record: EpochRecord, speed: EpochSpeed, state: TrainingState): Promise<void> {
    await this.#folder?.appendMetrics({ ...record, ...speed })
    await this.save(state)
  }

  /** Keeps the state as the best candidate. */
  async keepBest(state: TrainingState): Promise<void> {
    const content = await encodeState(state, this.identity)
    if (this.#folder) await this.#folder.writeBest(state.position.step, content)
    else this.#best = content
  }

  /** Brings the state back to the best candidate's. */
  async restoreBest(state: TrainingState, run: Run): Promise<void> {
    const stored = await this.#readBest(state.position.best!, state, run)
    stored.apply()
  }

  async #readBest(best: Candidate, state: TrainingState, run: Run): Promise<StoredState> {
    const path = this.#folder?.bestPath(stepOfCandidate(best, run)) ?? 'The best candidate'
    const bytes = this.#folder ? await readState(path) : concatUint8Arrays(...this.#best)
    const stored = decodeState(bytes, path, state, run)
    if (!isDeepStrictEqual(stored.position.best, best)) {
      throw new TicketError(`${path} is another candidate than that of epoch ${best.epoch}.`, 'position')
    }
    return stored
  }

  /** Lets other processes work in the folder. */
  async close(): Promise<void> {
    await this.#folder?.close()
  }
}

function readState(path: string): Promise<Uint8Array> {
  return readRegularFile(
    path,
    (reason, cause) => new TicketError(`Cannot read ${path}: ${reason}.`, 'file', { cause }),
  )
}
