// Whether tickets were drawn from the same random network, as those of a switch must be (paper, Sec. 6.2).
import { isDeepStrictEqual } from 'node:util'
import { ConfigError, TicketError } from '../errors.ts'
import { describeValue } from '../inputs/options.ts'
import { Ticket } from '../saved/ticket.ts'
import type { TicketMetadata } from '../saved/ticket-data.ts'
import { labelsOf } from '../tensor/device.ts'

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

/** @throws ConfigError for what is no array of live tickets, or none */
export function checkTickets(tickets: unknown): asserts tickets is readonly Ticket[] {
  const wrong = (message: string) => new ConfigError(message, 'tickets')
  if (!Array.isArray(tickets)) {
    throw wrong(`Expected an array of tickets to switch between but received ${describeValue(tickets)}.`)
  }
  for (const [i, ticket] of tickets.entries()) {
    if (!(ticket instanceof Ticket)) {
      throw wrong(
        `Expected tickets, as loadTicket gives, to switch between but number ${i + 1} is ${describeValue(ticket)}.`,
      )
    }
    if (ticket.network.disposed) {
      throw wrong(`Expected live tickets to switch between but ticket ${i + 1} is disposed.`)
    }
  }
}

/**
 * @throws TicketError naming the first metadata field in which a ticket differs from the first one
 * @throws ConfigError where there is no ticket
 */
export function checkSameScratch(tickets: readonly TicketMetadata[]): void {
  if (tickets.length === 0) {
    throw new ConfigError('Expected at least one ticket to switch between but received none.', 'tickets')
  }
  const [first] = tickets
  for (const [i, ticket] of tickets.entries()) {
    for (const field of fields) {
      const [expected, came] = [first[field], ticket[field]]
      if (isDeepStrictEqual(came, expected)) continue
      throw new TicketError(
        `Expected tickets of the same random network but ${field} is ${JSON.stringify(came)} in ticket ${i + 1} and ${JSON.stringify(expected)} in ticket 1; switch between tickets of one architecture and one weight seed.`,
        field,
      )
    }
  }
}

/** @throws ConfigError where the tickets are on several devices */
export function checkOneDevice(tickets: readonly Ticket[]): void {
  const k = tickets.findIndex(ticket => ticket.device !== tickets[0].device)
  if (k < 0) return
  const [first, other] = labelsOf(tickets[0].device, tickets[k].device)
  throw new ConfigError(
    `Expected all tickets on one device but ticket 1 is on ${first} and ticket ${k + 1} on ${other}; load them with R2S.load, or give loadTicket one Device.`,
    'device',
  )
}
