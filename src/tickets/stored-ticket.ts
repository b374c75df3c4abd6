// Tickets on disk.
import { readFile } from 'node:fs/promises'
import { TicketError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import type { Architecture } from './architecture-check.ts'
import type { TicketData } from './ticket-data.ts'
import { decodeTicket, encodeTicket } from './ticket-file.ts'

/**
 * Reads and proves the ticket file at `path`.
 * @throws TicketError (field 'file') when there is no such file, otherwise as `decodeTicket`
 */
export async function readTicket(path: string, expected?: Architecture): Promise<TicketData> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const reason =
      error.code === 'ENOENT'
        ? 'there is no such file'
        : error.code === 'EISDIR'
          ? 'it is a folder'
          : error.message
    throw new TicketError(
      `Cannot read the ticket ${path}: ${reason}. Give the path of a ticket file.`,
      'file',
      {
        cause: error,
      },
    )
  })
  return decodeTicket(bytes, path, expected)
}

/**
 * Writes `ticket` to `path`, whole or not at all.
 * @throws ConfigError (option 'out') when the place cannot be written
 */
export async function writeTicket(path: string, ticket: TicketData): Promise<void> {
  await writeFileAtomic(path, encodeTicket(ticket))
}
