import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { bufferSourceToUint8Array } from 'typed-array-utils'
import type { Split } from '../data/dataset.ts'
import { RunFolder } from '../files/run-folder.ts'
import { Checkpointing } from './checkpointing.ts'
import type { ResolvedTraining } from './resolve.ts'

/** Of run folders: changes with that of checkpoints. */
const format = 'rst-run/2'

/**
 * Opens the run folder that the options name, if they name one.
 * @param settings everything that decides the run's result beside its images; a folder of others is refused
 */
export async function openRun(
  { runDir, resume, checkpointMinutes, onWarning, images, selection }: ResolvedTraining,
  command: string,
  settings: Record<string, unknown>,
): Promise<Checkpointing> {
  const options = { resume, minutes: checkpointMinutes, onWarning }
  if (runDir === undefined) return new Checkpointing(null, { identity: '', ...options })
  const trainedOn = await fingerprint(images)
  const selectedOn = selection ? await fingerprint(selection.images) : null
  const config = { format, command, ...settings, images: { trainedOn, selectedOn } }
  const identity = createHash('sha256').update(JSON.stringify(config)).digest('hex')
  const open = resume ? RunFolder.resume : RunFolder.create
  return new Checkpointing(await open(runDir, config), { identity, ...options })
}

const bytesPerTurn = 4 << 20

/** Some characters that tell splits apart, found in turns so that the event loop goes on. */
async function fingerprint({ images, labels, ids }: Split): Promise<string> {
  const hash = createHash('sha256')
  for (const values of [images, labels, ids ?? new Int32Array(0)]) {
    const bytes = bufferSourceToUint8Array(values as Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>)
    for (let from = 0; from < bytes.length; from += bytesPerTurn) {
      hash.update(bytes.subarray(from, from + bytesPerTurn))
      if (bytes.length > bytesPerTurn) await setImmediate()
    }
  }
  return hash.digest('hex').slice(0, 16)
}
