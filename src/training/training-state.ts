// Where a training run stands between two steps, and how much there is of it. All randomness is a function of this.
import type { InnerAttackSession } from '../attacks/frame/inner-attack.ts'
import type { Network } from '../nn/network.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ResolvedTraining } from './resolve.ts'
import type { Candidate } from './selection.ts'

/** What the loop optimises. */
export interface Trainee {
  readonly network: Network
  /** Changed in place by the optimiser. Names are unique. */
  readonly parameters: readonly { readonly name: string; readonly tensor: Tensor }[]
  /** Called before each forward pass that follows a change of parameters. */
  parametersChanged(): void
}

/** What became of an epoch. */
export interface EpochRecord {
  /** From 0. */
  readonly epoch: number
  /** Optimiser steps since the start of the run. */
  readonly step: number
  /** Mean over the epoch's (attacked) training images. */
  readonly loss: number
  /** Share of them classified right. */
  readonly accuracy: number
  /** Learning rate of the epoch's last step. */
  readonly lr: number
  /** What the network was measured at where it was a candidate for the result. */
  readonly candidate?: Candidate
}

/** The numbers of a state; the rest of it are tensors. */
export interface Position {
  /** Optimiser steps done. */
  step: number
  /** Of each epoch that ended. Its last step may be done and the epoch not ended: its candidate is measured in between. */
  history: EpochRecord[]
  /** The candidate to return, so far. */
  best: Candidate | null
  /** Sums over the images of the epoch that has not ended. */
  lossSum: number
  correctSum: number
  imageCount: number
}

export interface TrainingState {
  readonly trainee: Trainee
  /** One a parameter. */
  readonly velocities: readonly Tensor[]
  readonly session: InnerAttackSession | null
  readonly position: Position
}

/** How long a run is, and which. */
export interface Run {
  /** By which its checkpoints are told from those of other runs. */
  readonly identity: string
  readonly images: number
  readonly batchSize: number
  readonly stepsPerEpoch: number
  readonly epochs: number
  readonly steps: number
}

export function runOf(
  identity: string,
  { images: { size: images }, batchSize, epochs }: Pick<ResolvedTraining, 'images' | 'batchSize' | 'epochs'>,
): Run {
  const stepsPerEpoch = Math.ceil(images / batchSize)
  return { identity, images, batchSize, stepsPerEpoch, epochs, steps: stepsPerEpoch * epochs }
}

export function startPosition(): Position {
  return { step: 0, history: [], best: null, lossSum: 0, correctSum: 0, imageCount: 0 }
}

/** Whether the last step of an epoch is done and the epoch has not ended. */
export function epochIsDue({ step, history }: Position, { stepsPerEpoch }: Run): boolean {
  return history.length < Math.floor(step / stepsPerEpoch)
}

/** The step that the candidate of an epoch is made at. */
export const stepOfCandidate = ({ epoch }: Candidate, { stepsPerEpoch }: Run) => (epoch + 1) * stepsPerEpoch
