// Refusing options that nothing would read: what a run was not, it must not claim to have been.
import { ConfigError } from '../errors.ts'
import { flagOf } from './values.ts'

/** What one choice, such as an attack, reads of the options that not all read. */
export interface Reader {
  readonly reads: readonly string[]
  /** By option: why it does not read it, where there is something to say. */
  readonly notes?: Readonly<Record<string, string>>
}

/**
 * Every option given must be read by one of `chosen` at least.
 * @param given names of the options that the command line or --config sets
 * @param choice the flag that `chosen` are values of: '--attack'
 * @throws ConfigError naming the first option that none reads, and the choices that do
 */
export function checkApplicable(
  given: ReadonlySet<string>,
  choice: string,
  chosen: readonly string[],
  readers: Readonly<Record<string, Reader>>,
): void {
  const governed = new Set(Object.values(readers).flatMap(({ reads }) => reads))
  for (const option of governed) {
    if (!given.has(option) || chosen.some(name => readers[name].reads.includes(option))) continue
    const takers = Object.keys(readers).filter(name => readers[name].reads.includes(option))
    const note = chosen.map(name => readers[name].notes?.[option]).find(text => text !== undefined)
    throw new ConfigError(
      `${flagOf(option)} is for ${choice} ${takers.join(', ')}, not ${chosen.join(', ')}: ${note ?? 'leave it out'}.`,
      option,
    )
  }
}
