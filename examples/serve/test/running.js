// @ts-check
// The service as a child process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../main.js', import.meta.url))

/** Those that have not ended. @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set()

/** @param {import('node:child_process').ChildProcess} child */
export function willEnd(child) {
  children.add(child)
  child.once('exit', () => children.delete(child))
}

/** Ends what a test that failed left behind. */
export function endAll() {
  for (const child of children) child.kill('SIGKILL')
}

export class Running {
  /** Lines of its log. @type {Record<string, any>[]} */
  log = []
  errors = ''
  port = 0
  adminPort = 0

  /** @param {import('node:child_process').ChildProcessWithoutNullStreams} child */
  constructor(child) {
    this.child = child
    this.ended = once(child, 'close')
    willEnd(child)
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      const lines = (rest + text).split('\n')
      rest = /** @type {string} */ (lines.pop())
      for (const line of lines) this.log.push(JSON.parse(line))
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      this.errors += text
    })
  }

  /** On free ports, once it answers. @param {readonly string[]} args */
  static async start(...args) {
    const running = Running.spawn('--port', '0', '--admin-port', '0', ...args)
    await running.logged('a worker answers')
    for (const { msg, port } of running.log) {
      running.adminPort ||= Number(/:(\d+)\/metrics/.exec(msg)?.[1] ?? 0)
      if (msg === 'a worker answers') running.port = port
    }
    return running
  }

  /** @param {readonly string[]} args */
  static spawn(...args) {
    return new Running(spawn(process.execPath, [main, ...args]))
  }

  /** Waits until that was logged so many times. @param {string} message @param {number} [times] */
  async logged(message, times = 1) {
    const count = () => this.log.filter(({ msg }) => String(msg).includes(message)).length
    while (count() < times) {
      if (this.child.exitCode !== null)
        throw new Error(`The service ended: ${this.errors}${JSON.stringify(this.log)}`)
      await Promise.race([once(this.child.stdout, 'data'), this.ended])
    }
  }

  /** The processes that answer now. */
  workers() {
    const pids = new Set()
    for (const { msg, worker } of this.log) {
      if (msg === 'a worker answers') pids.add(worker)
      if (msg === 'a worker ended') pids.delete(worker)
    }
    return [...pids]
  }

  /**
   * @param {Uint8Array | string} body
   * @param {string} [type]
   * @returns {Promise<{ status: number, body: any, headers: Headers }>}
   */
  async ask(body, type = 'application/octet-stream') {
    const response = await fetch(`http://127.0.0.1:${this.port}/predict`, {
      method: 'POST',
      body: /** @type {any} */ (body),
      headers: { 'content-type': type },
    })
    return { status: response.status, body: await response.json(), headers: response.headers }
  }

  async metrics() {
    return (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text()
  }

  async reload() {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}/admin/reload`, { method: 'POST' })
    return { status: response.status, body: /** @type {any} */ (await response.json()) }
  }

  /** Tells it to stop and waits. @returns {Promise<number | null>} its exit code */
  async stop() {
    this.child.kill('SIGTERM')
    const [code] = await this.ended
    return code
  }
}
