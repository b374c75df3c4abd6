// The evaluation that closes every training: natural and PGD accuracy on test images.
import { join } from 'node:path'
import { pgd } from '../attacks/pgd.ts'
import type { Split } from '../data/dataset.ts'
import { type Evaluation, evaluate } from '../evaluation/evaluate.ts'
import type { Provenance } from '../evaluation/provenance.ts'
import type { Interval } from '../evaluation/statistics.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { laterWriteError } from '../files/write-error.ts'
import { count, number } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import type { Classifier } from '../nn/classifier.ts'
import type { Measurement } from '../saved/ticket-data.ts'
import { limitFor, limitKind } from './run-data.ts'
import { type RunEvents, stage, warn } from './run-events.ts'

/** How the result of a training is measured: naturally, and under PGD in L∞. */
export interface ClosingOptions {
  /** Of PGD, pixels in [0, 1]. Default: that of the inner attack, or else the usual one of the data set. */
  eps?: number
  /** Of PGD, pixels in [0, 1]. Default: eps / 4. */
  stepSize?: number
  /** Of PGD, ≥ 1. Default 20. */
  steps?: number
  /** A seeded subset of so many test images, or 'all'. Default 1000. */
  limit?: number | 'all'
}

export const closingRows: OptionRows<ClosingOptions> = {
  eps: number(0, 1),
  stepSize: number(0, 1),
  steps: count(),
  limit: limitKind,
}

/** What a closing evaluation found, as reports have it: shares with their 95 % intervals. */
export interface Accuracies {
  /** Share of images that are right as they are. */
  readonly naturalAccuracy: number
  /** 95 %, by Wilson. */
  readonly naturalInterval: Interval
  /** Share of images that are right naturally and under PGD. */
  readonly robustAccuracy: number
  /** 95 %, by Wilson. */
  readonly robustInterval: Interval
}

/** Evaluates a model as a stage called 'evaluate <label>'. */
export type ClosingEvaluation = (label: string, model: Classifier, test: Split) => Promise<Evaluation>

/** @throws ConfigError for settings out of range */
export function closingEvaluation(
  { eps, stepSize, steps = 20, limit: wanted }: ClosingOptions & { eps: number },
  { seed, dataSeed }: { seed?: number; dataSeed?: number },
  events: RunEvents,
): ClosingEvaluation {
  const attack = pgd({ eps, stepSize, steps })
  return (label, model, test) =>
    stage(events, `evaluate ${label}`, () => {
      const limit = limitFor(wanted, test)
      return evaluate(model, test, {
        attacks: [attack],
        limit,
        seed,
        dataSeed: limit === undefined ? undefined : dataSeed,
        signal: events.signal,
        onProgress: events.onEvaluation,
      })
    })
}

/** Natural accuracy, and robust accuracy under the one attack. */
export function accuraciesOf({ naturalAccuracy, naturalInterval, attacks }: Evaluation): Accuracies {
  const [{ robustAccuracy, interval: robustInterval }] = attacks
  return { naturalAccuracy, naturalInterval, robustAccuracy, robustInterval }
}

/** What the accuracies are of, as a ticket notes it. */
export function measurementsOf(evaluation: Evaluation): { natural: Measurement; robust: Measurement } {
  const { naturalInterval, attacks, provenance } = evaluation
  const { data, device, version } = provenance
  const of = { data, device, version }
  const [attack] = provenance.attacks
  return {
    natural: { interval: naturalInterval, ...of },
    robust: { interval: attacks[0].interval, attack, ...of },
  }
}

/** Writes evaluation.json: the evaluations by what was evaluated, without what is said image by image. @throws FileError */
export async function writeEvaluations(
  folder: string,
  evaluations: Readonly<Record<string, Evaluation>>,
): Promise<void> {
  const summary = (name: string, value: unknown) =>
    name === 'brokenBy' || ArrayBuffer.isView(value) ? undefined : value
  await writeFileAtomic(
    join(folder, 'evaluation.json'),
    `${JSON.stringify(evaluations, summary, 2)}\n`,
    laterWriteError,
  )
}

/** Tells each warning of an attack. */
export function tellWarnings({ attacks }: Pick<Evaluation, 'attacks'>, events: RunEvents): void {
  for (const { name, warnings } of attacks) {
    for (const { message } of warnings) warn(events, `${name}: ${message}`)
  }
}

/** When a report was made. */
export interface Dated {
  /** ISO 8601, UTC. */
  readonly date: string
}

export function dated<T extends object>(report: T): T & Dated {
  return { ...report, date: new Date().toISOString() }
}

/** What every report of a training says beside its accuracies. */
export interface TrainingReport extends Accuracies, Dated {
  /** Of the whole run. */
  readonly seconds: number
  /** What the accuracies are of. */
  readonly provenance: Provenance
}
