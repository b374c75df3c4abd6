// Where an attack keeps the batches it has finished, so that an interrupted run goes on from there to the same result.
import type { BatchOutcome } from './batch-outcome.ts'

/**
 * Where an attack keeps the batches it has finished, so that an interrupted run goes on from there to the same
 * result. `evaluate` with `runDir` makes one.
 */
export interface Journal {
  /**
   * What was kept under `key`, undefined if nothing was.
   * @param sampleIds numbers of the images that it must be of
   */
  read(key: string, sampleIds: Int32Array): Promise<BatchOutcome | undefined>
  /**
   * Keeps a finished batch.
   * @param key by which it is read again
   * @param sampleIds numbers of its images
   * @param outcome what the attack found
   */
  write(key: string, sampleIds: Int32Array, outcome: BatchOutcome): Promise<void>
}

/** A part of a journal whose keys are its own. */
export function within(journal: Journal | undefined, part: string): Journal | undefined {
  return (
    journal && {
      read: (key, ids) => journal.read(`${part}/${key}`, ids),
      write: (key, ids, outcome) => journal.write(`${part}/${key}`, ids, outcome),
    }
  )
}
