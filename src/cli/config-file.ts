// --config: options from a YAML or JSON file.
import { readFile } from 'node:fs/promises'
import type { Command, Option } from 'commander'
import { parse } from 'yaml'
import { ConfigError } from '../errors.ts'
import { didYouMean } from '../nearest-name.ts'
import { flagOf, optionName } from './values.ts'

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
  const text = await readFile(file, 'utf8').catch(error => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new ConfigError(`Cannot read the configuration ${file}: ${reason}.`, 'config', { cause: error })
  })
  let values: unknown
  try {
    values = parse(text)
  } catch (error) {
    const [reason] = (error as Error).message.split('\n')
    throw new ConfigError(`${file} is neither YAML nor JSON: ${reason}`, 'config', { cause: error })
  }
  if (values === null) return {}
  if (typeof values === 'object' && !Array.isArray(values)) return values as Record<string, unknown>
  throw new ConfigError(`${file} must hold options as "key: value" lines, or a JSON object.`, 'config')
}

function valueFor(option: Option, value: unknown, key: string, file: string): unknown {
  const isFlag = !option.required && !option.optional
  if (isFlag) {
    if (typeof value === 'boolean') return value
    throw new ConfigError(
      `${file}: ${key} must be true or false but is ${JSON.stringify(value)}.`,
      optionName(key),
    )
  }
  const items = Array.isArray(value) ? value : [value]
  if (!items.every(item => typeof item === 'string' || typeof item === 'number')) {
    throw new ConfigError(
      `${file}: ${key} must be a text or a number but is ${JSON.stringify(value)}.`,
      optionName(key),
    )
  }
  try {
    return option.parseArg?.(items.join(','), undefined)
  } catch (error) {
    if (error instanceof ConfigError)
      throw new ConfigError(`${file}: ${error.message}`, error.option, { cause: error })
    throw error
  }
}

const kebabCase = (name: string) => flagOf(name).slice(2)
