// command.json of a run folder: what a resume needs and the recipe in config.json does not hold, under the names that the
// options have on the command line.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { parseJson } from '../files/json.ts'
import { readRegularFile } from '../files/read-file.ts'

const largestConfig = 1 << 20

/** Where the files of a run lie, and its closing evaluation. */
export interface BesideRecipe {
  readonly data?: string
  readonly from?: string
  readonly ticket?: string
  readonly evalLimit?: number | 'all'
  readonly evalEps?: number
  readonly evalStepSize?: number
  readonly evalSteps?: number
}

const files = ['data', 'from', 'ticket'] as const
const names = [...files, 'evalLimit', 'evalEps', 'evalStepSize', 'evalSteps'] as const

/** What a file of a run folder holds. */
export type Stored = Readonly<Record<string, unknown>>

/** Writes command.json. A folder that holds a run already stays as it is. @throws ConfigError, FileError */
export async function keepBesideRecipe(folder: string, given: BesideRecipe): Promise<void> {
  if (existsSync(join(folder, 'config.json'))) return
  const kept = picked(given as Stored)
  for (const name of files) if (kept[name] !== undefined) kept[name] = resolve(String(kept[name]))
  await writeFileAtomic(join(folder, 'command.json'), `${JSON.stringify(kept, null, 2)}\n`)
}

/**
 * What the run in `folder` was started with: its recipe, and what stands beside it, as far as that can be read.
 * @throws ConfigError (option 'out') where there is no run
 */
export async function readStoredRun(folder: string): Promise<{ recipe: Stored; beside: BesideRecipe }> {
  const recipe = await readStored(join(folder, 'config.json'))
  const beside = await readStored(join(folder, 'command.json')).catch(() => ({}))
  return { recipe, beside: picked(beside) }
}

function picked(given: Stored): Record<string, unknown> {
  return Object.fromEntries(names.map(name => [name, given[name]]))
}

async function readStored(file: string): Promise<Stored> {
  const folder = dirname(file)
  const bytes = await readRegularFile(
    file,
    reason =>
      new ConfigError(
        `${folder} holds no run to resume: cannot read ${file}: ${reason}. Leave out --resume to start one.`,
        'out',
      ),
    largestConfig,
  )
  let stored: unknown
  try {
    stored = parseJson(bytes.toString())
  } catch (cause) {
    throw new ConfigError(
      `${file} is not JSON, so its run cannot be resumed: start one in another --out.`,
      'out',
      { cause },
    )
  }
  if (typeof stored === 'object' && stored !== null && !Array.isArray(stored)) return stored as Stored
  throw new ConfigError(`${file} is not the configuration of a run: start one in another --out.`, 'out')
}
