// Tickets on disk.
import { ConfigError, TicketError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { readRegularFile } from '../files/read-file.ts'
import { path as pathKind } from '../inputs/kinds.ts'
import { describeValue } from '../inputs/options.ts'
import type { Architecture } from './architecture-check.ts'
import type { TicketData } from './ticket-data.ts'
import { decodeTicket, encodeTicket } from './ticket-file.ts'

/**
 * Reads and proves the ticket file at `path`.
 * @throws TicketError (field 'file') when there is no such file, otherwise as `decodeTicket`
 */
export async function readTicket(path: string, expected?: Architecture): Promise<TicketData> {
  const bytes = await readRegularFile(
    path,
    (reason, cause) =>
      new TicketError(`Cannot read the ticket ${path}: ${reason}. Give the path of a ticket file.`, 'file', {
        cause,
      }),
  )
  return decodeTicket(bytes, path, expected)
}

/**
 * Writes `ticket` to `path`, whole or not at all.
 * @throws ConfigError (option 'out') when the place cannot be written
 */
export async function writeTicket(path: string, ticket: TicketData): Promise<void> {
  await writeFileAtomic(path, encodeTicket(ticket))
}

/**
 * @param owner names whose paths they are
 * @throws ConfigError for what is no array of paths
 */
export function checkPaths(paths: unknown, owner: string): asserts paths is readonly string[] {
  if (!Array.isArray(paths)) {
    throw new ConfigError(
      `Expected an array of paths of ticket files for ${owner} but received ${describeValue(paths)}.`,
      'paths',
    )
  }
  const i = paths.findIndex(path => !pathKind.accepts(path))
  if (i < 0) return
  throw new ConfigError(
    `Expected paths of ticket files for ${owner} but number ${i + 1} is ${describeValue(paths[i])}.`,
    'paths',
  )
}
