// Which random stream each attack draws from: no two attacks share one, nor two runs or targets of an attack.
import { ConfigError } from '../../errors.ts'
import { Draws } from '../../random/draws.ts'
import { Purpose, RandomStream } from '../../random/philox.ts'
import type { HostBatch } from './host-batch.ts'

/**
 * The purpose and part of each algorithm; attacks on other losses are other algorithms. They are part of every saved
 * result: append, never renumber.
 */
export const streams = {
  pgd: [Purpose.attackStart, 0],
  'pgd-dlr': [Purpose.attackStart, 1],
  'pgd-cw': [Purpose.attackStart, 2],
  'fgsm-rs': [Purpose.attackStart, 3],
  'cw-linf': [Purpose.attackStart, 4],
  'apgd-ce': [Purpose.attackStart, 5],
  'apgd-dlr': [Purpose.attackStart, 6],
  'apgd-cw': [Purpose.attackStart, 7],
  'apgd-t': [Purpose.attackStart, 8],
  fab: [Purpose.attackStart, 9],
  'fab-t': [Purpose.attackStart, 10],
  square: [Purpose.attackStep, 0],
  bandits: [Purpose.attackStep, 1],
  /** Of the target classes that are drawn at random. */
  targets: [Purpose.attackTarget, 0],
} as const satisfies Readonly<Record<string, readonly [purpose: Purpose, part: number]>>
export type StreamName = keyof typeof streams

/** Runs of a part: its number takes the upper 6 bits of the stream's step, the run the lower 26. */
const mostRuns = 2 ** 26

/**
 * The step of the stream of a run.
 * @param run the epoch, the restart, or what numbers restarts and targets together
 * @throws ConfigError for more than 2^26 runs
 */
export function streamStep(name: StreamName, run: number): number {
  if (run < mostRuns) return streams[name][1] * mostRuns + run
  throw new ConfigError(`Expected fewer restarts: ${name} can tell ${mostRuns} runs apart.`, 'restarts')
}

/** The draws of image n of a batch. */
export function drawsOf(
  name: StreamName,
  run: number,
  { seed, sampleIds }: Pick<HostBatch, 'seed' | 'sampleIds'>,
  n: number,
): Draws {
  return new Draws(new RandomStream(seed, streams[name][0], streamStep(name, run), sampleIds[n]))
}
