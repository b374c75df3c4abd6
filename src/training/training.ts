// The adversarial training loop that searches, dense training and fine-tuning share (paper, Eq. 1 and Sec. 4.1):
// an inner attack makes the batch adversarial, then one SGD step moves the parameters.
import { AbortError, DivergenceError } from '../errors.ts'
import { permutation } from '../random/permutation.ts'
import { Purpose } from '../random/philox.ts'
import * as ops from '../tensor/ops/index.ts'
import type { Checkpointing } from './checkpointing.ts'
import { ImageSource } from './image-source.ts'
import { ProgressMeter } from './progress-meter.ts'
import type { ResolvedTraining } from './resolve.ts'
import { learningRate } from './schedule.ts'
import { type Candidate, isBetter, isCandidate, measureCandidate } from './selection.ts'
import { type StepResult, TrainStep } from './train-step.ts'
import {
  type EpochRecord,
  epochIsDue,
  type Run,
  runOf,
  startPosition,
  type Trainee,
  type TrainingState,
} from './training-state.ts'

/**
 * Trains to the end of the last epoch, brings the network to the best candidate, and returns a record of each epoch.
 * @param checkpointing is closed at the end
 * @throws AbortError after a checkpoint, DivergenceError at a loss that is not finite, OutOfMemoryError
 */
export async function train(
  trainee: Trainee,
  training: ResolvedTraining,
  checkpointing: Checkpointing,
): Promise<EpochRecord[]> {
  const run = runOf(checkpointing.identity, training)
  let loop: TrainingLoop | undefined
  try {
    loop = new TrainingLoop(trainee, training, run, await ImageSource.open(training))
    await checkpointing.restore(loop.state, run)
    await runToEnd(loop, training, run, checkpointing)
    if (training.selection) {
      const { history } = loop.state.position
      await checkpointing.restoreBest(loop.state, run)
      trainee.parametersChanged()
      return history
    }
    return loop.state.position.history
  } finally {
    loop?.dispose()
    await checkpointing.close()
  }
}

async function runToEnd(
  loop: TrainingLoop,
  { signal, epochs }: ResolvedTraining,
  run: Run,
  checkpointing: Checkpointing,
): Promise<void> {
  const { state } = loop
  const { position } = state
  const save = async () => {
    await loop.settle()
    await loop.checkFinite()
    await checkpointing.save(state)
  }
  const interrupt = async (): Promise<never> => {
    await save()
    throw new AbortError(`Interrupted at step ${position.step} of ${run.steps}.`, { cause: signal?.reason })
  }
  loop.begin()
  while (position.history.length < epochs) {
    if (checkpointing.isDue) await save()
    if (signal?.aborted) await interrupt()
    if (!epochIsDue(position, run)) await loop.step()
    else {
      try {
        await loop.endEpoch(checkpointing)
      } catch (error) {
        // The checkpoint is of the epoch's last step, from which a resumed run measures the candidate again.
        if (error instanceof AbortError && signal?.aborted) await interrupt()
        throw error
      }
    }
  }
}

class TrainingLoop {
  readonly state: TrainingState
  readonly #training: ResolvedTraining
  readonly #run: Run
  readonly #source: ImageSource
  readonly #step: TrainStep
  #meter: ProgressMeter | undefined
  #order: { epoch: number; images: Uint32Array } | undefined
  #unread: Promise<FinishedStep> | null = null

  /** Takes ownership of `source`. */
  constructor(trainee: Trainee, training: ResolvedTraining, run: Run, source: ImageSource) {
    const { device } = trainee.network
    this.state = {
      trainee,
      velocities: trainee.parameters.map(({ tensor }) => ops.full(tensor.shape, 0, device)),
      session: training.inner?.session() ?? null,
      position: startPosition(),
    }
    const { session, velocities } = this.state
    this.#step = new TrainStep(trainee, training, session, velocities)
    this.#training = training
    this.#run = run
    this.#source = source
  }

  /** To be called once the state is where the run begins or goes on. */
  begin(): void {
    this.#meter = new ProgressMeter(this.#training, this.state.position.step, this.#run.steps)
    this.state.trainee.network.mode = 'train'
    this.state.trainee.parametersChanged()
  }

  async step(): Promise<void> {
    const { position } = this.state
    const { stepsPerEpoch, batchSize, images, epochs } = this.#run
    const training = this.#training
    const epoch = Math.floor(position.step / stepsPerEpoch)
    const first = (position.step % stepsPerEpoch) * batchSize
    if (this.#order?.epoch !== epoch) {
      this.#order = { epoch, images: permutation(images, training.dataSeed, Purpose.dataOrder, epoch) }
    }
    const lr = this.#learningRate(position.step, epochs)
    const batch = this.#source.batch(this.#order.images.subarray(first, first + batchSize), epoch)
    const { count } = batch
    let result: StepResult | undefined
    try {
      for (let replay = 0; replay < (training.inner?.replays ?? 1); replay++) {
        result?.loss.dispose()
        result?.accuracy.dispose()
        result = await this.#step.run(batch, lr)
      }
    } finally {
      batch.dispose()
    }
    const step = ++position.step
    const { loss, accuracy } = result!
    // One step stays in flight while the next is prepared, so that the device never waits.
    await this.settle()
    this.#unread = Promise.all([loss.data(), accuracy.data()]).then(([l, a]) => ({
      step,
      loss: l[0]!,
      accuracy: a[0]!,
      count,
      lr,
    }))
    this.#unread.catch(() => {}) // reported by settle
    this.#unread
      .finally(() => {
        loss.dispose()
        accuracy.dispose()
      })
      .catch(() => {})
  }

  /** Waits for the step in flight, and counts and reports it. @throws DivergenceError */
  async settle(): Promise<void> {
    if (!this.#unread) return
    const { step, loss, accuracy, count, lr } = await this.#unread
    this.#unread = null
    if (!Number.isFinite(loss)) {
      throw new DivergenceError(
        `The training loss became ${loss} at step ${step}; lower the learning rate (${this.#training.lr}) and resume from the last checkpoint.`,
        step,
      )
    }
    const { position } = this.state
    position.lossSum += loss * count
    position.correctSum += accuracy * count
    position.imageCount += count
    const epoch = Math.floor((step - 1) / this.#run.stepsPerEpoch)
    this.#meter!.report({ step, loss, accuracy, lr, images: count, epoch })
  }

  /** Measures the epoch's candidate, where it has one, and records the epoch. @throws AbortError with nothing changed */
  async endEpoch(checkpointing: Checkpointing): Promise<void> {
    await this.settle()
    await this.checkFinite()
    const speed = this.#meter!.epochSpeed()
    const { trainee, position } = this.state
    const { selection, epochs, seed, signal } = this.#training
    const epoch = position.history.length
    let candidate: Candidate | undefined
    if (selection && isCandidate(epoch, epochs, selection.every)) {
      candidate = await measureCandidate(trainee.network, epoch, selection, { seed, signal })
      if (isBetter(candidate, position.best)) {
        position.best = candidate
        await checkpointing.keepBest(this.state)
      }
    }
    const record = {
      ...(candidate && { candidate }),
      epoch,
      step: position.step,
      loss: position.lossSum / position.imageCount,
      accuracy: position.correctSum / position.imageCount,
      lr: this.#learningRate(position.step - 1, epochs),
    }
    position.history.push(record)
    position.lossSum = position.correctSum = position.imageCount = 0
    await checkpointing.epochEnded(record, speed, this.state)
    this.#meter!.beginEpoch()
  }

  /** Frozen weights keep a search's loss finite even when its scores are not. @throws DivergenceError */
  async checkFinite(): Promise<void> {
    const { trainee, position } = this.state
    for (const { name, tensor } of trainee.parameters) {
      using total = ops.sum(tensor)
      const [value] = await total.data()
      if (!Number.isFinite(value)) {
        throw new DivergenceError(
          `${name} holds values that are not finite after step ${position.step}; lower the learning rate (${this.#training.lr}) and resume from the last checkpoint.`,
          position.step,
        )
      }
    }
  }

  dispose(): void {
    this.#source.dispose()
    this.#step.dispose()
    this.state.session?.dispose?.()
    for (const velocity of this.state.velocities) velocity.dispose()
    this.state.session?.state?.dispose()
  }

  /** Of the step that follows `step` others. */
  #learningRate(step: number, epochs: number): number {
    return learningRate(this.#training.schedule, this.#training.lr, step / this.#run.stepsPerEpoch, epochs)
  }
}

interface FinishedStep {
  step: number
  loss: number
  accuracy: number
  count: number
  lr: number
}
