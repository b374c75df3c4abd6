// Learning-rate schedules, as functions of the progress through the run.
import { ConfigError } from '../errors.ts'
import { kind, number, oneOf, required } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'

export type Schedule = { warmupEpochs?: number } & (
  | { kind: 'constant' }
  | { kind: 'cosine' }
  /** Multiplied by gamma (default 0.1) at each milestone, a share of the run in (0, 1). Default [0.5, 0.75]. */
  | { kind: 'step'; milestones?: readonly number[]; gamma?: number }
)

/** The paper's schedule for CIFAR: × 0.1 at epochs 80 and 120 of 160. */
export const defaultSchedule: Schedule = { kind: 'step' }

const kinds = ['constant', 'cosine', 'step'] as const

const smooth: OptionRows<Schedule> = {
  kind: required(oneOf(kinds)),
  warmupEpochs: number(0, 1e6),
}

/** The options of each kind of schedule. */
export const scheduleRows: { readonly [K in Schedule['kind']]: OptionRows<Extract<Schedule, { kind: K }>> } =
  {
    constant: smooth,
    cosine: smooth,
    step: {
      ...smooth,
      milestones: kind(
        'a list of shares of the run, each above 0 and below 1,',
        value =>
          Array.isArray(value) && value.every(share => Number.isFinite(share) && share > 0 && share < 1),
      ),
      gamma: number(0, 1e6),
    },
  }

/** @throws ConfigError */
export function checkSchedule(schedule: unknown, epochs: number): asserts schedule is Schedule {
  const row = kind(
    "a schedule such as { kind: 'cosine' }",
    value => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
  checkOption('schedule', schedule, required(row))
  const name = (schedule as Schedule).kind
  if (!kinds.includes(name)) checkOption('schedule', name, required(oneOf(kinds)))
  checkOptions<Schedule>(`the ${name} schedule`, schedule, scheduleRows[name] as OptionRows<Schedule>)
  const { warmupEpochs = 0 } = schedule
  if (warmupEpochs >= epochs) {
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
