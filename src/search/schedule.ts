// Learning-rate schedules, as functions of the progress through the run.
import { ConfigError } from '../errors.ts'

export type Schedule = { warmupEpochs?: number } & (
  | { kind: 'constant' }
  | { kind: 'cosine' }
  /** Multiplied by gamma (default 0.1) at each milestone, a share of the run in (0, 1). Default [0.5, 0.75]. */
  | { kind: 'step'; milestones?: readonly number[]; gamma?: number }
)

/** The paper's schedule for CIFAR: × 0.1 at epochs 80 and 120 of 160. */
export const defaultSchedule: Schedule = { kind: 'step' }

/** @throws ConfigError */
export function checkSchedule(schedule: Schedule, epochs: number): void {
  const { warmupEpochs = 0 } = schedule
  if (!['constant', 'cosine', 'step'].includes(schedule.kind)) {
    throw new ConfigError(
      `Expected 'constant', 'cosine' or 'step' for the schedule but received '${schedule.kind}'.`,
      'schedule',
    )
  }
  if (!(warmupEpochs >= 0 && warmupEpochs < epochs)) {
    throw new ConfigError(
      `Expected warmupEpochs from 0 to below the ${epochs} epochs but received ${warmupEpochs}.`,
      'warmupEpochs',
    )
  }
}

/**
 * The learning rate at `epoch`, which counts fractions. Warm-up is linear from 0; the cosine falls to 0 over the epochs
 * after it; steps fall at whole epochs.
 */
export function learningRate(schedule: Schedule, lr: number, epoch: number, epochs: number): number {
  const { warmupEpochs = 0 } = schedule
  if (epoch < warmupEpochs) return (lr * epoch) / warmupEpochs
  switch (schedule.kind) {
    case 'constant':
      return lr
    case 'cosine':
      return lr * 0.5 * (1 + Math.cos((Math.PI * (epoch - warmupEpochs)) / (epochs - warmupEpochs)))
    case 'step': {
      const { milestones = [0.5, 0.75], gamma = 0.1 } = schedule
      const passed = milestones.filter(share => Math.floor(epoch) >= Math.round(share * epochs)).length
      return lr * gamma ** passed
    }
  }
}
