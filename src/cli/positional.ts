// Files that may stand on the command line without their flag: rst eval FILE is rst eval --ticket FILE.
import type { Command } from 'commander'
import { ConfigError } from '../errors.ts'
import { flagOf } from './values.ts'

/**
 * Sets the option that has the name of the command's argument, where there is one, to `value`.
 * @throws ConfigError where the flag is given as well
 */
export function takePositional(command: Command, value: unknown): void {
  const name = command.registeredArguments[0]?.name()
  const isOption = command.options.some(option => option.attributeName() === name)
  if (!isOption || value === undefined || (Array.isArray(value) && value.length === 0)) return
  if (command.getOptionValueSource(name) === 'cli') {
    throw new ConfigError(
      `Expected ${flagOf(name)} or files without a flag but received both: leave one out.`,
      name,
    )
  }
  command.setOptionValueWithSource(name, value, 'cli')
}
