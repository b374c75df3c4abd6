// @ts-check
// Keeps as many workers as were asked for, and passes on signals. It answers no images, so none can end it.
import cluster from 'node:cluster'
import { setTimeout } from 'node:timers/promises'
import { startAdmin } from './admin.js'

/** @typedef {import('node:cluster').Worker} Worker */
/** @typedef {{ ok: boolean, tickets?: object[], error?: string }} Loaded */

/** Milliseconds before a worker that could not start is tried again. */
const pause = 1000

// Workers accept connections themselves. Where the primary hands them out, one that is on its way to a worker that dies
// stays open, and nobody ever answers it.
cluster.schedulingPolicy = cluster.SCHED_NONE

/** @param {import('./options.js').Options} options */
export async function runPrimary(options) {
  /** @type {Map<Worker, 'starting' | 'ready' | 'leaving' | 'stopping'>} */
  const workers = new Map()
  let isStopping = false
  let hasServed = false
  const admin = await startAdmin(options, reload)
  const { log } = admin

  fill()
  process.on('SIGHUP', () => void reload())
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT']))
    process.on(signal, () => void stop(signal))

  function fill() {
    const staying = [...workers.values()].filter(state => state === 'starting' || state === 'ready').length
    for (let n = staying; n < options.workers && !isStopping; n++) fork()
  }

  function fork() {
    const worker = cluster.fork()
    workers.set(worker, 'starting')
    worker.on('message', ({ kind, id, reason }) => {
      if (kind === 'refused' && id === undefined) {
        log.error(reason)
        worker.kill('SIGKILL')
      }
      if (kind === 'leaving' && !isStopping && workers.get(worker) !== 'stopping') {
        workers.set(worker, 'leaving')
        fill()
        relieve()
      }
    })
    worker.on('listening', ({ port }) => {
      hasServed = true
      workers.set(worker, 'ready')
      log.info({ worker: worker.process.pid, port }, 'a worker answers')
      relieve()
    })
    worker.on('exit', (code, signal) => void replace(worker, code, signal))
  }

  /** Those that leave may go once another one answers. */
  function relieve() {
    if (![...workers.values()].includes('ready')) return
    for (const [worker, state] of workers) if (state === 'leaving') stopWorker(worker)
  }

  /** @param {Worker} worker */
  function stopWorker(worker) {
    workers.set(worker, 'stopping')
    if (worker.isConnected()) worker.send({ kind: 'stop' })
  }

  /** @param {Worker} worker @param {number} code @param {string} signal */
  async function replace(worker, code, signal) {
    const state = workers.get(worker)
    workers.delete(worker)
    log.info({ worker: worker.process.pid, code, signal }, 'a worker ended')
    if (isStopping || state === 'stopping') return
    admin.countDeath()
    if (!hasServed) return end(1)
    if (state === 'starting') await setTimeout(pause)
    fill()
  }

  /** @type {Promise<unknown>} */
  let reloading = Promise.resolve()
  let reloads = 0
  /** Lets every worker load the ticket files anew. @returns {Promise<Loaded>} */
  function reload() {
    const done = reloading.then(async () => {
      const staying = [...workers].filter(([, state]) => state === 'ready' || state === 'starting')
      const id = reloads++
      const results = await Promise.all(staying.map(([worker]) => loaded(worker, id)))
      const refused = results.find(({ ok }) => !ok)
      const result = refused ?? results[0] ?? { ok: false, error: 'No worker is running.' }
      admin.countReload(result.ok)
      if (result.ok) log.info('tickets loaded anew')
      else log.error(`The former tickets stay in service: ${result.error}`)
      return result
    })
    reloading = done
    return done
  }

  /** @param {string} signal */
  async function stop(signal) {
    if (isStopping) return end(1)
    isStopping = true
    log.info({ signal }, 'stopping')
    for (const worker of workers.keys()) stopWorker(worker)
    const late = setTimeout(options.grace * 1000 + 2000, 'late')
    while (workers.size > 0) {
      const ended = [...workers.keys()].map(worker => new Promise(resolve => worker.once('exit', resolve)))
      if ((await Promise.race([late, ...ended])) === 'late') return end(1)
    }
    end(0)
  }

  /** @param {number} code */
  function end(code) {
    for (const worker of workers.keys()) worker.kill('SIGKILL')
    process.exit(code)
  }
}

/** @param {Worker} worker @param {number} id @returns {Promise<Loaded>} */
function loaded(worker, id) {
  return new Promise(resolve => {
    const finish = (/** @type {Loaded} */ result) => {
      worker.off('message', hear)
      resolve(result)
    }
    const hear = (
      /** @type {{ kind?: string, id?: number, tickets?: object[], reason?: string }} */ message,
    ) => {
      if (message.id !== id) return
      if (message.kind === 'loaded') finish({ ok: true, tickets: message.tickets })
      if (message.kind === 'refused') finish({ ok: false, error: message.reason })
    }
    worker.on('message', hear)
    worker.once('exit', () => finish({ ok: false, error: 'A worker ended while it loaded the tickets.' }))
    worker.send({ kind: 'load', id })
  })
}
