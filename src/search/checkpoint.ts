// Saving and restoring a training run, to the same bits: a safetensors file with the parameters, their velocities, the
// running statistics, the inner attack's state, and the position. All randomness is a function of that position.
import { readFile } from 'node:fs/promises'
import { concatUint8Arrays } from 'typed-array-utils'
import type { InnerAttackSession } from '../attacks/inner-attack.ts'
import { TicketError } from '../errors.ts'
import type { Checkpoint, RunFolder } from '../files/run-folder.ts'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../files/safetensors.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { Candidate } from './selection.ts'
import type { EpochRecord, Trainee } from './training.ts'

const format = 'rst-checkpoint/1'

/** Where a training run stands, between two steps. */
export interface TrainingState {
  readonly trainee: Trainee
  /** One a parameter. */
  readonly velocities: readonly Tensor[]
  readonly session: InnerAttackSession | null
  /** Optimiser steps done. */
  step: number
  /** The candidate to return, so far. */
  best: Candidate | null
  /** Sums over the images of the epoch so far. */
  lossSum: number
  correctSum: number
  imageCount: number
}

/** Keeps a run's checkpoints and metrics in its folder; without one, only its best candidate, in memory. */
export class Checkpointing {
  readonly #folder: RunFolder | null
  readonly #resumeFrom: Checkpoint | undefined
  #best: Uint8Array<ArrayBuffer>[] = []

  constructor(folder: RunFolder | null = null, resumeFrom?: Checkpoint) {
    this.#folder = folder
    this.#resumeFrom = resumeFrom
  }

  /**
   * Brings `state` to the checkpoint to resume from and returns the epochs recorded before it; without one, nothing
   * happens.
   * @throws TicketError for a checkpoint of another run or a damaged one
   */
  async restore(state: TrainingState): Promise<EpochRecord[]> {
    if (!this.#folder || !this.#resumeFrom) return []
    const { path } = this.#resumeFrom
    await decodeInto(state, await readFile(path), path)
    return (await this.#folder.metrics()) as unknown as EpochRecord[]
  }

  async epochEnded(record: EpochRecord, state: TrainingState): Promise<void> {
    await this.#folder?.appendMetrics({ ...record })
    await this.save(state)
  }

  async save(state: TrainingState): Promise<void> {
    if (this.#folder) await this.#folder.writeCheckpoint(state.step, await encode(state))
  }

  /** Keeps the state as the best candidate. */
  async keepBest(state: TrainingState): Promise<void> {
    const content = await encode(state)
    if (this.#folder) await this.#folder.writeBest(content)
    else this.#best = content
  }

  /** Brings parameters and statistics back to the best candidate's. */
  async restoreBest(state: TrainingState): Promise<void> {
    const bytes = this.#folder ? await readFile(this.#folder.bestPath) : concatUint8Arrays(...this.#best)
    await decodeInto(state, bytes, this.#folder?.bestPath ?? 'The best candidate')
  }
}

/** Every tensor of the state by its name in the file. */
function namedTensors({ trainee, velocities }: TrainingState): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  trainee.parameters.forEach(({ name, tensor }, i) => {
    tensors.set(name, tensor)
    tensors.set(`${name}.velocity`, velocities[i])
  })
  return tensors
}

async function encode(state: TrainingState): Promise<Uint8Array<ArrayBuffer>[]> {
  const tensors = new Map<string, StoredTensor>()
  const store = async (name: string, t: Tensor) =>
    tensors.set(name, { dtype: 'F32', shape: t.shape, data: await t.data() })
  for (const [name, t] of namedTensors(state)) await store(name, t)
  for (const { spec, runningMean, runningVar } of state.trainee.network.batchNorms) {
    await store(`${spec.name}.running_mean`, runningMean)
    await store(`${spec.name}.running_var`, runningVar)
  }
  if (state.session?.state) await store('inner.state', state.session.state)
  const { step, best, lossSum, correctSum, imageCount } = state
  const position = JSON.stringify({ step, best, lossSum, correctSum, imageCount })
  return encodeSafetensors({ metadata: { format, position }, tensors })
}

async function decodeInto(state: TrainingState, bytes: Uint8Array, file: string): Promise<void> {
  const { metadata, tensors } = decodeSafetensors(bytes, file)
  if (metadata.format !== format) {
    throw new TicketError(
      `${file}: expected a file of format ${format} but its format is ${metadata.format}.`,
      'format',
    )
  }
  const { network } = state.trainee
  const floats = (name: string, shape: readonly number[]) => {
    const stored = tensors.get(name)
    if (stored?.dtype !== 'F32' || stored.shape.join() !== shape.join()) {
      throw new TicketError(
        `${file}: expected the tensor ${name} as F32 [${shape.join(', ')}] but found ${stored ? `${stored.dtype} [${stored.shape.join(', ')}]` : 'none'}: the checkpoint belongs to another run.`,
        name,
      )
    }
    return Float32Array.from(stored.data)
  }
  for (const [name, t] of namedTensors(state)) {
    scope(() => ops.assign(t, tensor(floats(name, t.shape), t.shape, { device: network.device })))
  }
  for (const layer of network.batchNorms) {
    const { name, channels } = layer.spec
    layer.setRunning(floats(`${name}.running_mean`, [channels]), floats(`${name}.running_var`, [channels]))
  }
  const inner = tensors.get('inner.state')
  if (inner && state.session) {
    const noise = floats('inner.state', inner.shape)
    state.session.state = outsideScopes(() => tensor(noise, inner.shape, { device: network.device }))
  }
  Object.assign(state, positionOf(metadata.position, file))
}

type Position = Pick<TrainingState, 'step' | 'lossSum' | 'correctSum' | 'imageCount'>

function positionOf(text: string | undefined, file: string): Position {
  try {
    const { step, lossSum, correctSum, imageCount } = JSON.parse(text ?? '')
    if ([step, lossSum, correctSum, imageCount].every(Number.isFinite)) {
      return { step, lossSum, correctSum, imageCount }
    }
  } catch {
    // Reported below, as a value that is JSON but no position.
  }
  throw new TicketError(`${file}: expected the position of a run but found ${text ?? 'none'}.`, 'position')
}
