// @ts-check
// The HTTP service: POST /predict, GET /healthz, GET /readyz.
import Fastify, { LogController } from 'fastify'
import { RstError } from 'rst-native'
import { Batcher, NobodyWaits } from './batcher.js'
import { bufferTypes, readPixels } from './pixels.js'

/**
 * What answers: `tickets.js`, or anything that computes batches.
 * @template Lane
 * @typedef {object} Model
 * @property {() => Held<Lane>} hold what is in service now, kept alive until `release`
 * @property {(lane: Lane, images: Float32Array[]) => Promise<Answer[]>} run
 */
/**
 * @template Lane
 * @typedef {object} Held
 * @property {readonly [number, number, number]} inputShape [C, H, W]
 * @property {readonly string[] | undefined} classNames
 * @property {() => { lane: Lane, ticket: number }} draw who answers one request; those of one lane are computed together
 * @property {() => void} release
 */
/** @typedef {{ label: number, probabilities: Float32Array }} Answer */

/**
 * @template Lane
 * @param {Model<Lane>} model
 * @param {Pick<import('./options.js').Options, 'maxBatch' | 'maxWait' | 'queue' | 'maxBody' | 'maxPixels' | 'answers' | 'logLevel'>} options
 * @param {import('./metrics.js').Metrics} metrics
 */
export function buildService(model, options, metrics) {
  const app = Fastify({
    logger: { level: options.logLevel },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.maxBody,
    // Who sends slowly takes a place in the queue.
    requestTimeout: 10_000,
    // While it stops, what still comes on open connections is answered.
    return503OnClosing: false,
  })
  let inHand = 0
  /** Admitted, and not yet in a batch or in the queue: their bodies are being read and decoded. */
  let coming = 0
  let secondsPerImage = 0.01
  let isDraining = false

  const batcher = new Batcher({
    maxBatch: options.maxBatch,
    maxWait: options.maxWait,
    mayGrow: () => coming > 0,
    run: async (/** @type {Lane} */ lane, /** @type {Float32Array[]} */ images) => {
      metrics.queue.set(batcher.waiting)
      const start = performance.now()
      const answers = await model.run(lane, images)
      const seconds = (performance.now() - start) / 1000
      metrics.batch.observe(images.length)
      metrics.batchSeconds.observe(seconds)
      secondsPerImage += 0.1 * (seconds / images.length - secondsPerImage)
      return answers
    },
  })

  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser(
    bufferTypes,
    { parseAs: 'buffer' },
    async (/** @type {unknown} */ _, /** @type {Buffer} */ body) => body,
  )
  app.decorateRequest('arrived', () => {})

  app.addHook('onRequest', async (request, reply) => {
    if (isDraining) reply.header('connection', 'close')
    if (request.routeOptions.url !== '/predict') return
    reply.raw.once('close', () => {
      const status = reply.raw.writableFinished ? reply.statusCode : 499
      metrics.requests.inc({ status })
      if (status === 200) metrics.seconds.observe(reply.elapsedTime / 1000)
      request.log.debug({ status, milliseconds: reply.elapsedTime }, 'answered')
    })
    if (inHand >= options.queue) {
      const seconds = Math.max(1, Math.ceil(inHand * secondsPerImage))
      return reply
        .code(503)
        .header('retry-after', seconds)
        .send({ error: `Too many requests are waiting; try again in ${seconds} s.` })
    }
    metrics.inHand.set(++inHand)
    coming++
    let hasArrived = false
    const arrived = () => {
      if (!hasArrived) coming--
      hasArrived = true
    }
    request.setDecorator('arrived', arrived)
    reply.raw.once('close', () => {
      arrived()
      metrics.inHand.set(--inHand)
    })
  })

  app.post('/predict', async (request, reply) => {
    const held = model.hold()
    try {
      const type = request.headers['content-type'] ?? ''
      const pixels = await readPixels(request.body, type, held.inputShape, options)
      request.getDecorator('arrived')()
      const { lane, ticket } = held.draw()
      const answer = batcher.add(lane, pixels, () => reply.raw.destroyed)
      metrics.queue.set(batcher.waiting)
      const { label, probabilities } = await answer
      metrics.answers.inc({ ticket })
      return {
        label,
        ...(held.classNames && { className: held.classNames[label] }),
        ...(options.answers !== 'label' && { probabilities: Array.from(probabilities) }),
        ...(options.answers === 'ticket' && { ticket }),
      }
    } finally {
      held.release()
    }
  })

  app.get('/healthz', async () => ({ status: 'alive' }))
  app.get('/readyz', async (_, reply) =>
    isDraining ? reply.code(503).send({ status: 'stopping' }) : { status: 'ready' },
  )

  app.setNotFoundHandler((_, reply) =>
    reply.code(404).send({ error: 'POST /predict, GET /healthz and GET /readyz are all there is.' }),
  )
  app.setErrorHandler(
    (/** @type {Error & { statusCode?: number, code?: string }} */ error, request, reply) => {
      if (error instanceof NobodyWaits) return reply.code(499).send()
      const status = error.statusCode ?? 500
      if (status < 500)
        return reply.code(status).send({ error: sentences[error.code ?? ''] ?? error.message })
      request.log.error(error)
      return reply
        .code(500)
        .send({ error: error instanceof RstError ? error.message : 'Something went wrong.' })
    },
  )

  /** @type {Record<string, string>} instead of the framework's own */
  const sentences = {
    FST_ERR_CTP_BODY_TOO_LARGE: `Expected a body of up to ${options.maxBody} bytes but received a larger one.`,
    FST_ERR_CTP_INVALID_MEDIA_TYPE: `Expected the content type application/json, ${bufferTypes.join(', ')}, as in: curl -H 'content-type: image/png'.`,
    FST_ERR_CTP_EMPTY_JSON_BODY: 'Expected {"pixels": […]} but received an empty body.',
    FST_ERR_CTP_INVALID_JSON_BODY: 'Expected JSON, {"pixels": […]}, but received something else.',
  }
  return {
    app,
    /** From now on each answer closes its connection, and /readyz says 503. */
    startDraining() {
      isDraining = true
    },
    inHand: () => inHand,
  }
}
