// @ts-check
// How a worker stops: nothing new, then everything that came is answered.
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** Milliseconds in which a client that keeps its connection may still have sent a request before it heard of the end. */
const linger = 1000

/**
 * @param {ReturnType<typeof import('./service.js').buildService>} service
 * @param {number} grace seconds
 * @returns {Promise<number>} requests that were left unanswered
 */
export async function drain({ app, startDraining, inHand }, grace) {
  startDraining()
  const { server } = app
  const closed = once(server, 'close')
  // http.Server.close() would close idle connections at once, on some of which a request is on its way.
  net.Server.prototype.close.call(server)
  const deadline = setTimeout(grace * 1000)
  await Promise.race([closed, deadline, setTimeout(linger)])
  server.closeIdleConnections()
  await Promise.race([closed, deadline])
  return inHand()
}
