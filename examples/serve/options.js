// @ts-check
// What the service takes: one row an option, from the command line or the environment. The help is read from the rows.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

/** @param {number} least @param {number} most */
const whole = (least, most) => ({
  expected: `a whole number from ${least} to ${most}`,
  /** @param {string} text */
  parse: text => (/^\d+$/.test(text) && +text >= least && +text <= most ? +text : undefined),
})
/** @param {number} most */
const upTo = most => ({
  expected: `a number from 0 to ${most}`,
  /** @param {string} text */
  parse: text => (/^\d+(\.\d+)?$/.test(text) && +text <= most ? +text : undefined),
})
/** @param {readonly string[]} names */
const oneOf = names => ({
  expected: names.join(', '),
  /** @param {string} text */
  parse: text => (names.includes(text) ? text : undefined),
})
const anything = {
  expected: 'a name or address',
  /** @param {string} text */
  parse: text => text || undefined,
}

const rows = {
  port: { ...whole(0, 65535), usual: 8080, help: 'where images are answered; 0: a free one' },
  host: { ...anything, usual: '127.0.0.1', help: 'address to listen on; 0.0.0.0: on every network' },
  adminPort: {
    ...whole(0, 65535),
    usual: 8081,
    help: 'where metrics and reloads are asked for; 0: a free one',
  },
  adminHost: { ...anything, usual: '127.0.0.1', help: 'address of these; keep it away from users' },
  workers: { ...whole(1, 256), usual: 1, help: 'processes that answer; 2 or more outlive the death of one' },
  threads: {
    ...whole(1, 1024),
    usual: undefined,
    help: 'of each worker (default: the cores, shared among them)',
  },
  maxBatch: { ...whole(1, 4096), usual: 16, help: 'images that are computed together' },
  maxWait: {
    ...upTo(1000),
    usual: 2,
    help: 'milliseconds that an image waits for others that are being read',
  },
  queue: { ...whole(1, 1e6), usual: 256, help: 'requests in hand in a worker; more are refused with 503' },
  maxBody: { ...whole(1024, 1 << 30), usual: 8 << 20, help: 'bytes of a request; more are refused with 413' },
  maxPixels: { ...whole(1, 1e9), usual: 16e6, help: 'pixels of an image file; more are refused with 413' },
  answers: {
    ...oneOf(['label', 'probabilities', 'ticket']),
    usual: 'probabilities',
    help: 'how much an answer tells: label; probabilities as well; ticket: also which one answered, for experiments',
  },
  grace: {
    ...upTo(3600),
    usual: 10,
    help: 'seconds that a worker has for what it has in hand when it is to stop',
  },
  logLevel: {
    ...oneOf(['debug', 'info', 'warn', 'error', 'silent']),
    usual: 'info',
    help: 'debug tells of every request',
  },
}

/** @typedef {keyof typeof rows} Name */
/**
 * @typedef {object} Options
 * @property {number} port
 * @property {string} host
 * @property {number} adminPort
 * @property {string} adminHost
 * @property {number} workers
 * @property {number} threads
 * @property {number} maxBatch
 * @property {number} maxWait
 * @property {number} queue
 * @property {number} maxBody
 * @property {number} maxPixels
 * @property {'label' | 'probabilities' | 'ticket'} answers
 * @property {number} grace
 * @property {string} logLevel
 * @property {string[]} tickets files
 */

const flagOf = (/** @type {string} */ name) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
const variableOf = (/** @type {string} */ name) => `SERVE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`

export const help = `Answers images over HTTP, each by a ticket drawn at random from those given.

  npm start -- [options] TICKET...          or SERVE_TICKETS="a.safetensors b.safetensors" npm start

${Object.entries(rows)
  .map(([name, { usual, help }]) => {
    const flag = `--${flagOf(name)}`.padEnd(14)
    const value = usual === undefined ? '' : ` (default: ${usual})`
    return `  ${flag} ${help}${value}`
  })
  .join('\n')}

Each option is an environment variable as well: SERVE_MAX_BATCH for --max-batch. SIGHUP loads the ticket files anew, SIGTERM
answers what came and stops.
`

/** What is wrong with the options, in a sentence. */
export class UsageError extends Error {}

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Options | 'help'}
 * @throws {UsageError}
 */
export function readOptions(args, env) {
  const { values, positionals } = parsed(args)
  if (values.help) return 'help'
  /** @type {Record<string, unknown>} */
  const options = {}
  for (const [name, row] of Object.entries(rows)) {
    const [flag, variable] = [flagOf(name), variableOf(name)]
    const text = values[flag] ?? env[variable]
    const value = text === undefined ? row.usual : row.parse(String(text))
    if (text !== undefined && value === undefined) {
      const source = values[flag] === undefined ? variable : `--${flag}`
      throw new UsageError(`Expected ${row.expected} for ${source} but received ${JSON.stringify(text)}.`)
    }
    options[name] = value
  }
  options.threads ??= Math.max(1, Math.floor(availableParallelism() / Number(options.workers)))
  const tickets =
    positionals.length > 0 ? positionals : (env.SERVE_TICKETS ?? '').split(/\s+/).filter(Boolean)
  if (tickets.length === 0) {
    throw new UsageError(
      'Expected one ticket file or more, as in: npm start -- rst-5.safetensors rst-7.safetensors',
    )
  }
  return /** @type {Options} */ ({ ...options, tickets })
}

/**
 * @param {readonly string[]} args
 * @returns {{ values: Record<string, unknown>, positionals: string[] }}
 */
function parsed(args) {
  const flags = Object.keys(rows).map(name => [flagOf(name), { type: /** @type {const} */ ('string') }])
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...Object.fromEntries(flags), help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message)
  }
}
