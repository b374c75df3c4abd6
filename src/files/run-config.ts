// config.json: what a run was started with, and whether what it is to be resumed with is the same.
import { ConfigError } from '../errors.ts'
import { parseJson } from './json.ts'
import { readRegularFile } from './read-file.ts'

/** A text file; undefined where there is none. @throws ConfigError (option 'out') when it cannot be read */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const bytes = await readRegularFile(
      path,
      (reason, cause) => new ConfigError(`Cannot read ${path}: ${reason}.`, 'out', { cause }),
    )
    return bytes.toString('utf8')
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined
    throw error
  }
}

/** @throws ConfigError (option 'out') for what is no JSON */
export function parseConfig(text: string, file: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new ConfigError(
      `${file} is not JSON, so its run cannot be resumed: start one in another --out.`,
      'out',
      { cause: error },
    )
  }
}

/** @throws ConfigError (option = the key) for the first value of `given` that differs from the stored one */
export function checkSameConfig(stored: unknown, given: unknown, path: string, key = ''): void {
  if (isObject(stored) && isObject(given)) {
    for (const name of new Set([...Object.keys(stored), ...Object.keys(given)])) {
      const of = (values: Record<string, unknown>) => (Object.hasOwn(values, name) ? values[name] : undefined)
      checkSameConfig(of(stored), of(given), path, key === '' ? name : `${key}.${name}`)
    }
  } else if (JSON.stringify(stored) !== JSON.stringify(given)) {
    throw new ConfigError(
      `The run in ${path} has ${key} = ${JSON.stringify(stored) ?? 'nothing'} but now it is ${JSON.stringify(given) ?? 'nothing'}: resume with the former value, or start another run.`,
      key,
    )
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
