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
/** The stream of an attack from outside this package, by the attack's name. */
export type OwnStream = `own:${string}`

/** Runs of a part: its number takes the upper 6 bits of the stream's step, the run the lower 26. */
const mostRuns = 2 ** 26
/** The part of all attacks from outside. What their names hash to takes the upper 16 of the 26 bits of the run. */
const ownPart = 63
const mostOwnRuns = 2 ** 10

/**
 * The step of the stream of a run.
 * @param run the epoch, the restart, or what numbers restarts and targets together
 * @throws ConfigError for more than 2^26 runs, of an attack from outside 2^10
 */
export function streamStep(name: StreamName | OwnStream, run: number): number {
  const most = isOwn(name) ? mostOwnRuns : mostRuns
  if (run >= most) {
    throw new ConfigError(`Expected fewer restarts: ${name} can tell ${most} runs apart.`, 'restarts')
  }
  return isOwn(name)
    ? ownPart * mostRuns + hash16(name) * mostOwnRuns + run
    : streams[name][1] * mostRuns + run
}

const isOwn = (name: StreamName | OwnStream): name is OwnStream => name.startsWith('own:')

/** FNV-1a of the characters' codes, folded to 16 bits. */
function hash16(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return ((hash >>> 16) ^ hash) & 0xffff
}

/** The draws of image n of a batch. */
export function drawsOf(
  name: StreamName | OwnStream,
  run: number,
  { seed, sampleIds }: Pick<HostBatch, 'seed' | 'sampleIds'>,
  n: number,
): Draws {
  const purpose = isOwn(name) ? Purpose.attackStep : streams[name][0]
  return new Draws(new RandomStream(seed, purpose, streamStep(name, run), sampleIds[n]))
}
