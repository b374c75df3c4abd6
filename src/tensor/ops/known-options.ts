// Ops take few options and are called often: that none is unknown is checked here, their values by the core.
import { ConfigError } from '../../errors.ts'
import { didYouMean } from '../../nearest-name.ts'

/**
 * @param rest the options that the op did not take
 * @throws ConfigError naming the first
 */
export function refuseRest(op: string, rest: object, known: readonly string[]): void {
  for (const name in rest) {
    throw new ConfigError(
      `${op} has no option ${name}${didYouMean(name, known) || ` (known: ${known.join(', ')}).`}`,
      name,
    )
  }
}
