// Serves a ticket over HTTP. Requests that come while the model works are answered together, in one batch: for a network
// of few weights a batch of 64 costs little more than one image, and no answer depends on who else is in it.
//
//   node serve.ts TICKET [PORT]                PORT 0 takes a free one
//
//   POST /predict {"pixels": [0.1, …]}         C·H·W numbers from 0 to 1 → {"label": 3, "probabilities": […]}
//   curl -d '{"pixels": […]}' localhost:8080/predict

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadTicket, RstError } from 'rst-native'

const [file, port = '8080'] = process.argv.slice(2)
const ticket = await loadTicket(file)
const size = ticket.inputShape.reduce((product, d) => product * d, 1)
const largestBatch = 64

interface Waiting {
  readonly pixels: Float32Array
  readonly resolve: (answer: { label: number; probabilities: number[] }) => void
  readonly reject: (error: unknown) => void
}
const waiting: Waiting[] = []
let working = false

/** Answers all that wait, batch after batch; one caller at a time does so for everybody. */
async function work(): Promise<void> {
  if (working) return
  working = true
  while (waiting.length > 0) {
    const batch = waiting.splice(0, largestBatch)
    const pixels = new Float32Array(batch.length * size)
    for (const [n, request] of batch.entries()) pixels.set(request.pixels, n * size)
    try {
      const { labels, probabilities } = await ticket.predictBatch(pixels)
      const classes = ticket.numClasses
      for (const [n, { resolve }] of batch.entries()) {
        resolve({
          label: labels[n],
          probabilities: [...probabilities.subarray(n * classes, (n + 1) * classes)],
        })
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
  working = false
}

/** The pixels of a request, checked here so that a wrong one spoils no other's batch. */
async function pixelsOf(request: IncomingMessage): Promise<Float32Array> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > 32 * size + 1000) throw new RangeError(`Expected ${size} pixels but received far more.`)
  }
  const { pixels } = JSON.parse(text) ?? {}
  const isPixel = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1
  if (!Array.isArray(pixels) || pixels.length !== size || !pixels.every(isPixel)) {
    throw new RangeError(`Expected {"pixels": […]} of ${size} numbers from 0 to 1.`)
  }
  return Float32Array.from(pixels)
}

const server = createServer(async (request, response) => {
  const send = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  if (request.method !== 'POST' || request.url !== '/predict')
    return send(404, { error: 'POST /predict is all there is.' })
  try {
    const pixels = await pixelsOf(request)
    const answer = new Promise<object>((resolve, reject) => waiting.push({ pixels, resolve, reject }))
    void work()
    send(200, await answer)
  } catch (error) {
    const wrong = error instanceof SyntaxError || error instanceof RangeError
    send(wrong ? 400 : 500, {
      error: wrong || error instanceof RstError ? error.message : 'Something went wrong.',
    })
  }
})

// No new requests; those that came are answered; then the model's memory and threads are given back.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => server.close(() => ticket.dispose()))
}
server.listen(Number(port), () => console.log(`listening on port ${(server.address() as AddressInfo).port}`))
