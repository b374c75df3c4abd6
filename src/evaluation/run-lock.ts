// One evaluation at a time in a run folder.
import { removeLeftovers } from '../files/atomic.ts'
import { lockFolder } from '../files/folder-lock.ts'
import { makeFolder } from '../files/folders.ts'
import { EvaluationState, stateFolder } from './state.ts'

/**
 * Runs an evaluation that has its `runDir`, if there is one, for itself, cleared of what killed processes left half
 * written.
 * @throws ConfigError (option 'out') where another process works there, or nothing is there to resume
 */
export async function alone<T>(
  { runDir, resume = false }: { runDir?: string; resume?: boolean },
  evaluation: () => Promise<T>,
): Promise<T> {
  if (runDir === undefined) return evaluation()
  // A folder that does not exist cannot be locked, and is not to be made by a resume.
  if (resume) await EvaluationState.find(runDir, resume)
  else await makeFolder(runDir)
  const lock = await lockFolder(runDir)
  try {
    for (const folder of [runDir, stateFolder(runDir)]) await removeLeftovers(folder)
    return await evaluation()
  } finally {
    await lock.release()
  }
}
