// @ts-check
// A client that keeps its connections and heeds `connection: close`, in a process of its own: sends raw images again and
// again, and prints what became of each request as one line of JSON when it is told to stop.
//
//   node client.js PORT CONNECTIONS IMAGE_BYTES RETRIES        the end of standard input stops it
import http from 'node:http'
import { setTimeout } from 'node:timers/promises'

const [port, connections, bytes, retries] = process.argv.slice(2).map(Number)
const body = Buffer.alloc(bytes, 77)
const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
let isStopped = false
process.stdin.resume().once('end', () => {
  isStopped = true
})

/** Of requests; one that is sent again, because its connection broke, counts once. */
const counts = { sent: 0, again: 0, answered: 0, refused: 0, unreachable: 0, lost: 0, otherwise: 0 }
/** @type {number[]} milliseconds of those answered */
const times = []

/** @returns {Promise<keyof typeof counts>} */
function ask() {
  return new Promise(resolve => {
    const request = http.request(
      {
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/predict',
        agent,
        headers: { 'content-type': 'application/octet-stream' },
        timeout: 10_000,
      },
      response => {
        response.resume()
        response.once('close', () => {
          if (!response.complete) resolve('lost')
          else if (response.statusCode === 200) resolve('answered')
          else resolve(response.statusCode === 503 ? 'refused' : 'otherwise')
        })
      },
    )
    request.once('error', (/** @type {NodeJS.ErrnoException} */ { code }) =>
      // Nobody listened: the request was not sent at all.
      resolve(code === 'ECONNREFUSED' ? 'unreachable' : 'lost'),
    )
    // A connection that nobody serves is lost as well.
    request.once('timeout', () => request.destroy(new Error('No answer came.')))
    request.end(body)
  })
}

async function askAgainAndAgain() {
  while (!isStopped) {
    const start = performance.now()
    counts.sent++
    let became = await ask()
    for (let retry = 0; became === 'lost' && retry < retries; retry++) {
      counts.again++
      became = await ask()
    }
    counts[became]++
    if (became === 'answered') times.push(performance.now() - start)
    else await setTimeout(20)
  }
}

await Promise.all(Array.from({ length: connections }, askAgainAndAgain))
times.sort((a, b) => a - b)
const quantile = (/** @type {number} */ q) => times[Math.floor(q * times.length)] ?? null
console.log(JSON.stringify({ ...counts, p50: quantile(0.5), p99: quantile(0.99) }))
process.exit(0)
