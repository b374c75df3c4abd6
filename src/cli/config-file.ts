// --config: options from a YAML or JSON file.
import type { Command, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import { readRegularFile } from '../files/read-file.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import { describeValue } from '../inputs/options.ts'
import { flagOf, optionName } from './values.ts'

/** Bytes that a file of options may have. */
const largestConfig = 1 << 18

/**
 * Sets the options of `command` that the command line left open to the values of `file`, as if they had been
 * given as flags. Keys are option names, kebab-case or camelCase.
 * @throws ConfigError for a file that cannot be read, an unknown key or a value out of range
 */
export async function applyConfigFile(command: Command, file: string): Promise<void> {
  const values = await readConfig(file)
  const known = new Map(
    command.options
      .filter(option => option.long !== '--config')
      .map(option => [option.attributeName(), option]),
  )
  for (const [key, value] of Object.entries(values)) {
    const option = known.get(optionName(key))
    if (option === undefined) {
      const names = [...known.keys()].map(kebabCase)
      throw new ConfigError(
        `${file}: unknown option ${key}${didYouMean(kebabCase(key), names) || ` (known: ${names.join(', ')}).`}`,
        optionName(key),
      )
    }
    if (command.getOptionValueSource(option.attributeName()) === 'cli') continue
    command.setOptionValueWithSource(option.attributeName(), valueFor(option, value, key, file), 'config')
  }
}

async function readConfig(file: string): Promise<Record<string, unknown>> {
  const bytes = await readRegularFile(
    file,
    (reason, cause) =>
      new ConfigError(`Cannot read the configuration ${file}: ${reason}.`, 'config', { cause }),
    largestConfig,
  )
  // Here and not above: most command lines have no file to read, and the parser takes long to load.
  const { parseYaml } = await import('./yaml.ts')
  let values: unknown
  try {
    values = parseYaml(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    const [reason] = (error as Error).message.split('\n')
    throw new ConfigError(`${file} cannot be read as YAML or JSON: ${reason}`, 'config', { cause: error })
  }
  if (values === null || values === undefined) return {}
  if (typeof values === 'object' && !Array.isArray(values)) return values as Record<string, unknown>
  throw new ConfigError(`${file} must hold options as "key: value" lines, or a JSON object.`, 'config')
}

function valueFor(option: Option, value: unknown, key: string, file: string): unknown {
  const refuse = (what: string) =>
    new ConfigError(
      `${file}: ${key} must be ${what} but is ${typeof value === 'string' ? JSON.stringify(value) : describeValue(value)}.`,
      optionName(key),
    )
  const isFlag = !option.required && !option.optional
  if (isFlag) {
    if (typeof value === 'boolean') return value
    throw refuse('true or false')
  }
  const items: unknown[] = Array.isArray(value) ? value : [value]
  if (items.length === 0 || !items.every(item => typeof item === 'string' || typeof item === 'number')) {
    throw refuse('a text or a number')
  }
  try {
    const parsed = option.parseArg?.(items.join(','), undefined)
    if (Array.isArray(value) && !Array.isArray(parsed)) throw refuse('one value, not a list,')
    return parsed
  } catch (error) {
    if (!(error instanceof ConfigError) || error.message.startsWith(file)) throw error
    throw new ConfigError(`${file}: ${error.message}`, error.option, { cause: error })
  }
}

const kebabCase = (name: string) => flagOf(name).slice(2)
