// Learning-rate schedules, as functions of the progress through the run.
import { ConfigError } from '../errors.ts'
import { kind, number, oneOf, required } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import { filled, type OptionsOf, option, requiredOption } from '../inputs/rows.ts'

const rowsOf = <const K extends string>(name: K) => ({
  kind: requiredOption(oneOf([name]), 'shape of the curve'),
  warmupEpochs: option(number(0, 1e6), 0, 'epochs in which the learning rate rises from 0'),
})

/** The options of each kind of schedule. */
export const scheduleRows = {
  step: {
    ...rowsOf('step'),
    milestones: option(
      {
        ...kind<readonly number[]>(
          'a list of shares of the run, each above 0 and below 1,',
          value =>
            Array.isArray(value) && value.every(share => Number.isFinite(share) && share > 0 && share < 1),
        ),
        schema: { type: 'array', items: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 } },
      },
      // The paper's for CIFAR: epochs 80 and 120 of 160.
      [0.5, 0.75],
      'shares of the run at which the learning rate is multiplied by gamma',
    ),
    gamma: option(number(0, 1e6), 0.1, 'factor at each milestone'),
  },
  cosine: rowsOf('cosine'),
  constant: rowsOf('constant'),
}

/**
 * How the learning rate falls over the epochs. `{ kind: 'step' }` multiplies it by `gamma` (default 0.1) at each of
 * the `milestones`, shares of the run in (0, 1) (default [0.5, 0.75], those of the paper); 'cosine' brings it to 0
 * along half a period; 'constant' leaves it. In each it first rises linearly from 0 over `warmupEpochs`, from 0 to
 * below the epochs (default 0).
 */
export type Schedule = {
  [K in keyof typeof scheduleRows]: OptionsOf<(typeof scheduleRows)[K]>
}[keyof typeof scheduleRows]

export const scheduleKinds = Object.keys(scheduleRows) as Schedule['kind'][]

export const defaultSchedule: Schedule = { kind: 'step' }

/** @throws ConfigError */
export function checkSchedule(schedule: unknown, epochs: number): asserts schedule is Schedule {
  const row = kind(
    "a schedule such as { kind: 'cosine' }",
    value => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
  checkOption('schedule', schedule, required(row))
  const name = (schedule as Schedule).kind
  if (!scheduleKinds.includes(name)) checkOption('schedule', name, required(oneOf(scheduleKinds)))
  checkOptions<Schedule>(`the ${name} schedule`, schedule, scheduleRows[name] as OptionRows<Schedule>)
  const { warmupEpochs } = filled(schedule, scheduleRows[name])
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
  const { warmupEpochs } = filled(schedule, scheduleRows[schedule.kind])
  if (epoch < warmupEpochs) return (lr * epoch) / warmupEpochs
  switch (schedule.kind) {
    case 'constant':
      return lr
    case 'cosine':
      return lr * 0.5 * (1 + Math.cos((Math.PI * (epoch - warmupEpochs)) / (epochs - warmupEpochs)))
    case 'step': {
      const { milestones, gamma } = filled(schedule, scheduleRows.step)
      const passed = milestones.filter(share => Math.floor(epoch) >= Math.round(share * epochs)).length
      return lr * gamma ** passed
    }
  }
}
