// Whether tickets were drawn from the same random network, as those of a switch must be (paper, Sec. 6.2).
import { isDeepStrictEqual } from 'node:util'
import { ConfigError, TicketError } from '../errors.ts'
import type { Ticket } from '../tickets/ticket.ts'

const fields = [
  'arch',
  'width',
  'classes',
  'inChannels',
  'imageSize',
  'init',
  'weightSeed',
  'normalisation',
] as const

/**
 * @throws TicketError naming the first metadata field in which a ticket differs from the first one
 * @throws ConfigError where there is no ticket, or they are on several devices
 */
export function checkSameScratch(tickets: readonly Ticket[]): void {
  if (tickets.length === 0) {
    throw new ConfigError('Expected at least one ticket to switch between but received none.', 'tickets')
  }
  const [first] = tickets
  for (const [i, ticket] of tickets.entries()) {
    for (const field of fields) {
      const [expected, came] = [first.metadata[field], ticket.metadata[field]]
      if (isDeepStrictEqual(came, expected)) continue
      throw new TicketError(
        `Expected tickets of the same random network but ${field} is ${JSON.stringify(came)} in ticket ${i + 1} and ${JSON.stringify(expected)} in ticket 1; switch between tickets of one architecture and one weight seed.`,
        field,
      )
    }
    if (ticket.device !== first.device) {
      throw new ConfigError(
        `Expected all tickets on one device but ticket ${i + 1} is on another than ticket 1; load them with R2S.load, or give loadTicket one Device.`,
        'device',
      )
    }
  }
}
