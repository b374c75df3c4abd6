// A run as the terminal shows it: a display of progress for each of its stages, its warnings, and how to go on after Ctrl-C.
import type { RunEvents } from '../runs/run-events.ts'
import { ProgressDisplay, showEvaluation, showTraining } from './progress.ts'
import type { Session } from './run-command.ts'

/**
 * Runs `body` with the events to hand to its run.
 * @param hint a line for who pressed Ctrl-C, by the stage at which the run was stopped; undefined where there is nothing to say
 */
export async function withDisplay<T>(
  { terminal, signal }: Session,
  hint: (stage: string) => string | undefined,
  body: (events: RunEvents) => Promise<T>,
): Promise<T> {
  let display: ProgressDisplay | undefined
  let current: string | undefined
  try {
    return await body({
      signal,
      onStage(stage) {
        display?.finish()
        display = stage === null ? undefined : new ProgressDisplay(terminal, stage)
        current = stage ?? (signal.aborted ? current : undefined)
      },
      onTraining: progress => showTraining(display!)(progress),
      onEvaluation: progress => showEvaluation(display!)(progress),
      onWarning: message => terminal.warn(message),
    })
  } catch (error) {
    display?.finish()
    const line = signal.aborted && current !== undefined ? hint(current) : undefined
    if (line !== undefined) terminal.log(line)
    throw error
  }
}
