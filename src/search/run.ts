import { RunFolder } from '../files/run-folder.ts'
import { Checkpointing } from './checkpoint.ts'
import type { ResolvedTraining } from './resolve.ts'

/**
 * Opens the run folder that the options name, if they name one.
 * @param settings everything that decides the run's result; a folder of other settings is refused
 */
export async function openRun(
  { runDir, resume }: ResolvedTraining,
  command: string,
  settings: Record<string, unknown>,
): Promise<Checkpointing> {
  if (runDir === undefined) return new Checkpointing()
  const config = { command, ...settings }
  if (!resume) return new Checkpointing(await RunFolder.create(runDir, config))
  const { folder, checkpoint } = await RunFolder.resume(runDir, config)
  return new Checkpointing(folder, checkpoint)
}
