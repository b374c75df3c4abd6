// @ts-check
// What operators ask for, on an address of its own that users do not reach: GET /metrics, POST /admin/reload.
import Fastify, { LogController } from 'fastify'
import { AggregatorRegistry, Counter, Registry } from 'prom-client'

/**
 * @param {import('./options.js').Options} options
 * @param {() => Promise<import('./primary.js').Loaded>} reload
 */
export async function startAdmin({ adminPort, adminHost, logLevel }, reload) {
  const app = Fastify({
    logger: { level: logLevel },
    logController: new LogController({ disableRequestLogging: true }),
  })
  const registry = new Registry()
  const workers = new AggregatorRegistry()
  const registers = [registry]
  const deaths = new Counter({
    name: 'rst_worker_deaths_total',
    help: 'Workers that ended unasked',
    registers,
  })
  const reloads = new Counter({
    name: 'rst_reloads_total',
    help: 'Loads of new tickets by result: loaded, refused',
    labelNames: ['result'],
    registers,
  })

  app.get('/metrics', async (_, reply) => {
    reply.type(registry.contentType)
    return `${await workers.clusterMetrics()}${await registry.metrics()}`
  })
  app.post('/admin/reload', async (_, reply) => {
    const { ok, ...result } = await reload()
    return reply.code(ok ? 200 : 409).send(result)
  })
  app.setNotFoundHandler((_, reply) =>
    reply.code(404).send({ error: 'GET /metrics and POST /admin/reload are all there is.' }),
  )
  await app.listen({ port: adminPort, host: adminHost, listenTextResolver: at => `metrics at ${at}/metrics` })
  return {
    log: app.log,
    countDeath: () => deaths.inc(),
    countReload: (/** @type {boolean} */ ok) => reloads.inc({ result: ok ? 'loaded' : 'refused' }),
  }
}
