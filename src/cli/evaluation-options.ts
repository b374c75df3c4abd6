// What the commands share that only evaluate: their options as a run takes them, and what is said while it runs.

import { ConfigError } from '../errors.ts'
import type { EvaluationRunOptions } from '../runs/evaluation-run.ts'
import type { RunEvents } from '../runs/run-events.ts'
import type { AttackOptions } from './attack-options.ts'
import type { Session } from './run-command.ts'
import { withDisplay } from './run-display.ts'
import { parseEps } from './values.ts'

/** @throws ConfigError for a radius that the norm does not have */
export function evaluationOptions(options: AttackOptions): EvaluationRunOptions {
  checkRadius(options)
  const {
    limit,
    first,
    seed,
    dataSeed,
    attackSeed,
    device,
    threads,
    batchSize,
    out,
    resume = false,
  } = options
  const data = { name: options.dataset, dir: options.data }
  return { data, limit, first, seed, dataSeed, attackSeed, device, threads, batchSize, out, resume }
}

/** Runs an evaluation under a display of its progress, and says after Ctrl-C how to go on. */
export function withEvaluation<T>(
  { out }: { readonly out?: string },
  session: Session,
  run: (events: RunEvents) => Promise<T>,
): Promise<T> {
  const hint =
    out === undefined
      ? 'With --out DIR what is done would have been kept, and --resume would go on from there.'
      : 'To go on, give the same command with --resume.'
  return withDisplay(session, () => hint, run)
}

/** @throws ConfigError (option 'eps') for L2 without a radius, and for an L∞ radius above 1 */
function checkRadius({ norm, eps }: { norm: 'linf' | 'l2'; eps?: number }): void {
  if (norm === 'linf' && eps !== undefined) parseEps(String(eps), '--eps')
  if (norm !== 'l2' || eps !== undefined) return
  throw new ConfigError(
    '--norm l2 needs --eps: there is no usual L2 radius; 128/255 is common on CIFAR.',
    'eps',
  )
}
