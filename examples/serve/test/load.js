// A load by autocannon, in a process of its own, that also keeps every answer: prints, as one line of JSON, how many were
// sent and answered with which status, and for each image what was answered, how often.
//
//   node load.js PORT CONNECTIONS AMOUNT < images.json         an array of images, each of base64 bytes
import { text } from 'node:stream/consumers'
import autocannon from 'autocannon'

const [port, connections, amount] = process.argv.slice(2).map(Number)
/** @type {string[]} */
const images = JSON.parse(await text(process.stdin))
/** @type {Record<string, number>[]} */
const answers = images.map(() => ({}))
/** @type {Record<string, number>} */
const statuses = {}
let withoutRetryAfter = 0

const result = await autocannon({
  url: `http://127.0.0.1:${port}`,
  connections,
  amount,
  requests: images.map((image, n) => ({
    method: 'POST',
    path: '/predict',
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from(image, 'base64'),
    onResponse(status, body, _, headers) {
      statuses[status] = (statuses[status] ?? 0) + 1
      if (status === 200) answers[n][body] = (answers[n][body] ?? 0) + 1
      if (status === 503 && !(Number(headers?.['retry-after']) >= 1)) withoutRetryAfter++
    },
  })),
})
const { errors, timeouts } = result
console.log(
  JSON.stringify({ sent: result.requests.sent, statuses, errors, timeouts, answers, withoutRetryAfter }),
)
