// The adversarial training loop that searches, dense training and fine-tuning share (paper, Eq. 1 and Sec. 4.1):
// an inner attack makes the batch adversarial, then one SGD step moves the parameters.
import type { InnerAttackSession } from '../attacks/inner-attack.ts'
import { AbortError, DivergenceError } from '../errors.ts'
import type { Network } from '../nn/network.ts'
import { permutation } from '../random/permutation.ts'
import { Purpose } from '../random/philox.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { grad } from '../tensor/tape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Checkpointing, TrainingState } from './checkpoint.ts'
import { ImageSource } from './image-source.ts'
import { ProgressMeter } from './progress-meter.ts'
import type { ResolvedTraining } from './resolve.ts'
import { learningRate } from './schedule.ts'
import { type Candidate, isBetter, isCandidate, measureCandidate } from './selection.ts'

/** What the loop optimises. */
export interface Trainee {
  readonly network: Network
  /** Changed in place by the optimiser. Names are unique. */
  readonly parameters: readonly { readonly name: string; readonly tensor: Tensor }[]
  /** Called before each forward pass that follows a change of parameters. */
  parametersChanged(): void
}

export interface EpochRecord {
  readonly epoch: number
  /** Optimiser steps since the start of the run. */
  readonly step: number
  /** Means over the epoch's (attacked) training images. */
  readonly loss: number
  readonly accuracy: number
  /** Learning rate of the epoch's last step. */
  readonly lr: number
  /** What the network was measured at where it was a candidate for the result. */
  readonly candidate?: Candidate
}

/**
 * Trains to the end of the last epoch, brings the network to the best candidate, and returns a record of each epoch.
 * @throws AbortError after a checkpoint, DivergenceError at a loss that is not finite, OutOfMemoryError
 */
export async function train(
  trainee: Trainee,
  training: ResolvedTraining,
  checkpointing: Checkpointing,
): Promise<EpochRecord[]> {
  const { network } = trainee
  const { images, batchSize, epochs, signal, seed } = training
  const stepsPerEpoch = Math.ceil(images.size / batchSize)
  const session = training.inner?.session() ?? null
  const velocities = trainee.parameters.map(({ tensor }) => ops.full(tensor.shape, 0, network.device))
  const state: TrainingState = {
    trainee,
    velocities,
    session,
    step: 0,
    best: null,
    lossSum: 0,
    correctSum: 0,
    imageCount: 0,
  }
  const source = await ImageSource.open(training)
  let meter: ProgressMeter
  let order: Uint32Array = new Uint32Array(0)
  let unread: Promise<StepResult> | null = null

  const settle = async () => {
    if (!unread) return
    const { step, loss, accuracy, count, lr } = await unread
    unread = null
    if (!Number.isFinite(loss)) {
      throw new DivergenceError(
        `The training loss became ${loss} at step ${step}; lower the learning rate (${training.lr}) and resume from the last checkpoint.`,
        step,
      )
    }
    state.lossSum += loss * count
    state.correctSum += accuracy * count
    state.imageCount += count
    meter.report({ step, loss, accuracy, lr, images: count, epoch: Math.floor((step - 1) / stepsPerEpoch) })
  }

  try {
    const history = await checkpointing.restore(state)
    meter = new ProgressMeter(training, state.step, stepsPerEpoch * epochs)
    network.mode = 'train'
    trainee.parametersChanged()
    while (state.step < stepsPerEpoch * epochs) {
      if (signal?.aborted) {
        await settle()
        await checkpointing.save(state)
        throw new AbortError(`Interrupted at step ${state.step} of ${stepsPerEpoch * epochs}.`, {
          cause: signal.reason,
        })
      }
      const epoch = Math.floor(state.step / stepsPerEpoch)
      const first = (state.step % stepsPerEpoch) * batchSize
      if (first === 0 || order.length === 0) order = permutation(images.size, seed, Purpose.dataOrder, epoch)
      const lr = learningRate(training.schedule, training.lr, state.step / stepsPerEpoch, epochs)
      const batch = source.batch(order.subarray(first, first + batchSize), epoch)
      let result: { loss: Tensor; accuracy: Tensor } | undefined
      try {
        for (let replay = 0; replay < (training.inner?.replays ?? 1); replay++) {
          result?.loss.dispose()
          result?.accuracy.dispose()
          result = await trainStep(trainee, training, session, batch, velocities, lr)
        }
      } finally {
        batch.dispose()
      }
      state.step++
      const { loss, accuracy } = result!
      const count = batch.count
      const step = state.step
      // One step stays in flight while the next is prepared, so that the device never waits.
      await settle()
      unread = Promise.all([loss.data(), accuracy.data()]).then(([l, a]) => ({
        step,
        loss: l[0]!,
        accuracy: a[0]!,
        count,
        lr,
      }))
      unread.catch(() => {}) // reported by settle
      unread
        .finally(() => {
          loss.dispose()
          accuracy.dispose()
        })
        .catch(() => {})
      if (state.step % stepsPerEpoch === 0) {
        await settle()
        await checkFinite(trainee, training, step)
        const { selection } = training
        let candidate: Candidate | undefined
        if (selection && isCandidate(epoch, epochs, selection.every)) {
          candidate = await measureCandidate(network, epoch, selection, { seed })
          if (isBetter(candidate, state.best)) {
            state.best = candidate
            await checkpointing.keepBest(state)
          }
        }
        const record = {
          ...(candidate && { candidate }),
          epoch,
          step: state.step,
          loss: state.lossSum / state.imageCount,
          accuracy: state.correctSum / state.imageCount,
          lr,
        }
        history.push(record)
        state.lossSum = state.correctSum = state.imageCount = 0
        await checkpointing.epochEnded(record, state)
      }
    }
    if (training.selection) {
      await checkpointing.restoreBest(state)
      trainee.parametersChanged()
    }
    return history
  } finally {
    source.dispose()
    for (const velocity of velocities) velocity.dispose()
    session?.state?.dispose()
  }
}

/** Frozen weights keep a search's loss finite even when its scores are not. */
async function checkFinite({ parameters }: Trainee, { lr }: ResolvedTraining, step: number): Promise<void> {
  for (const { name, tensor } of parameters) {
    using total = ops.sum(tensor)
    const [value] = await total.data()
    if (!Number.isFinite(value)) {
      throw new DivergenceError(
        `${name} holds values that are not finite after step ${step}; lower the learning rate (${lr}) and resume from the last checkpoint.`,
        step,
      )
    }
  }
}

interface StepResult {
  step: number
  loss: number
  accuracy: number
  count: number
  lr: number
}

/** One inner attack and one SGD step; returns the step's mean loss and accuracy, still on the device. */
export async function trainStep(
  trainee: Trainee,
  training: ResolvedTraining,
  session: InnerAttackSession | null,
  batch: ReturnType<ImageSource['batch']>,
  velocities: readonly Tensor[],
  lr: number,
): Promise<{ loss: Tensor; accuracy: Tensor }> {
  const { network, parameters } = trainee
  network.mode = training.attackBatchNorm
  const x = session ? await session.adversarial(network, batch) : batch.images
  network.mode = 'train'
  const result = scope(() => {
    const targets = parameters.map(parameter => parameter.tensor)
    if (session?.update) targets.push(x)
    const { value, gradients } = grad(() => {
      const logits = network.logits(x)
      const losses = ops.crossEntropy(logits, batch.labels, { smoothing: training.labelSmoothing })
      return { loss: ops.mean(losses), accuracy: ops.mean(ops.correct(logits, batch.labels)) }
    }, targets)
    const { momentum, weightDecay } = training
    parameters.forEach((parameter, i) => {
      ops.sgdStep(parameter.tensor, gradients[i]!, velocities[i]!, { lr, momentum, weightDecay })
    })
    session?.update?.(gradients.at(-1)!)
    return value
  })
  if (x !== batch.images) x.dispose()
  trainee.parametersChanged()
  return result
}
