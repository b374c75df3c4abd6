// @ts-check
// A process that answers. It hears from the primary when to load tickets anew and when to stop.
import cluster from 'node:cluster'
import { drain } from './drain.js'
import { createMetrics, offerToPrimary } from './metrics.js'
import { buildService } from './service.js'
import { Tickets } from './tickets.js'

/** @param {import('./options.js').Options} options */
export async function runWorker(options) {
  const metrics = createMetrics()
  offerToPrimary(metrics)
  const tickets = new Tickets(options)
  const service = buildService(tickets, options, metrics)
  const { app } = service
  const tell = (/** @type {object} */ message) => process.connected && process.send?.(message)

  /** One load after the other. @type {Promise<void>} */
  let loading = Promise.resolve()
  /** @param {number} [id] that the answer carries */
  const load = id => {
    loading = loading.then(async () => {
      try {
        const loaded = await tickets.load()
        app.log.info({ tickets: loaded }, 'tickets in service')
        tell({ kind: 'loaded', id, tickets: loaded })
      } catch (error) {
        tell({ kind: 'refused', id, reason: /** @type {Error} */ (error).message })
      }
    })
    return loading
  }

  let isStopping = false
  const stop = async () => {
    if (isStopping) return
    isStopping = true
    const left = app.server.listening ? await drain(service, options.grace) : 0
    if (left > 0) app.log.error({ left }, 'the time was up before all were answered')
    process.exit(left > 0 ? 1 : 0)
  }
  process.on('message', (/** @type {{ kind?: string, id?: number }} */ { kind, id }) => {
    if (kind === 'load') void load(id)
    if (kind === 'stop') void stop()
  })
  // The primary gets a terminal's signals as well and says what to do; a worker alone asks to be replaced first.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  process.on('SIGTERM', () => tell({ kind: 'leaving' }))
  process.on('disconnect', () => {
    // Else node:cluster would exit at once.
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
    void stop()
  })

  await load()
  if (!isStopping)
    await app.listen({
      ...{ port: options.port, host: options.host },
      listenTextResolver: at => `images at ${at}/predict`,
    })
}
