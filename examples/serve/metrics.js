// @ts-check
// What a worker counts, as Prometheus reads it; the primary adds the workers up (admin.js).
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** @typedef {ReturnType<typeof createMetrics>} Metrics */

/** Those of Node.js too, the lag of the event loop among them. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    requests: new Counter({
      name: 'rst_requests_total',
      help: 'Requests by status; 499: the client left',
      labelNames: ['status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'rst_request_seconds',
      help: 'From the first byte of a request to the last one of its answer, of those answered with 200',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    answers: new Counter({
      name: 'rst_answers_total',
      help: 'Images answered, by the number of the ticket',
      labelNames: ['ticket'],
      registers,
    }),
    inHand: new Gauge({
      name: 'rst_requests_in_hand',
      help: 'Requests that were admitted and not answered',
      registers,
    }),
    queue: new Gauge({ name: 'rst_queue_length', help: 'Images that wait for a batch', registers }),
    batch: new Histogram({
      name: 'rst_batch_size',
      help: 'Images computed together',
      buckets: [1, 2, 4, 8, 12, 16, 24, 32, 64, 128],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'rst_batch_seconds',
      help: 'What a batch took',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
      registers,
    }),
  }
}

/** Lets the primary ask for them. @param {Metrics} metrics */
export function offerToPrimary({ registry }) {
  AggregatorRegistry.setRegistries(registry)
  new AggregatorRegistry()
}
