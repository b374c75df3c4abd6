// What the commands share whose evaluation can be interrupted and resumed: eval, transfer and r2s.
import { ConfigError } from '../errors.ts'
import { makeFolder } from '../files/folders.ts'
import type { ProgressDisplay } from './progress.ts'
import type { Session } from './run-command.ts'

interface ResumableOptions {
  readonly out?: string
  readonly resume?: boolean
}

/** Makes the folder --out, where given. @throws ConfigError for --resume without it */
export async function openRunFolder({ out, resume }: ResumableOptions): Promise<void> {
  if (resume && out === undefined) {
    throw new ConfigError(
      '--resume needs the folder of the evaluation to continue: give it as --out DIR.',
      'out',
    )
  }
  if (out !== undefined) await makeFolder(out)
}

/** Where the library keeps finished work, and whom it tells what is damaged there. */
export function runDirOptions({ out, resume }: ResumableOptions, { terminal }: Session) {
  return { runDir: out, resume: resume ?? false, onWarning: (message: string) => terminal.warn(message) }
}

/** Runs an evaluation under a display of its progress, and says after Ctrl-C how to go on. */
export async function resumably<T>(
  { out }: ResumableOptions,
  { signal, terminal }: Session,
  display: ProgressDisplay,
  evaluation: () => Promise<T>,
): Promise<T> {
  try {
    return await evaluation()
  } catch (error) {
    display.finish()
    if (signal.aborted) {
      terminal.log(
        out === undefined
          ? 'With --out DIR what is done would have been kept, and --resume would go on from there.'
          : 'To go on, give the same command with --resume.',
      )
    }
    throw error
  } finally {
    display.finish()
  }
}
