// What a training reads of the flags that attacks have.
import { innerAttackCommands } from '../attacks/table.ts'
import type { Reader } from './applicable.ts'
import { readersOf } from './named-attack.ts'

/** Beside eps; the other flags are for evaluations. */
export const innerFlags: readonly string[] = ['stepSize', 'steps']

/** What a training against each attack reads. */
export const innerReaders: Readonly<Record<string, Reader>> = {
  ...Object.fromEntries(
    Object.entries(readersOf(innerAttackCommands)).map(([name, { reads }]) => [
      name,
      { reads: ['eps', ...reads.filter(flag => innerFlags.includes(flag))] },
    ]),
  ),
  none: {
    reads: [],
    notes: { eps: 'leave it out, or give the closing evaluation its own by --eval-eps' },
  },
}
