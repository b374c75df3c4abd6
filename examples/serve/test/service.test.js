// @ts-check
// The service under load, from outside: each test starts it as a process of its own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { answersOf, Fixture, noise, png } from './fixture.js'
import { endAll, Running, willEnd } from './running.js'

const size = 3 * 16 * 16
const images = Array.from({ length: 8 }, (_, n) => noise(1, n + 10))

/** @type {Fixture} */
let fixture
/** @type {Fixture} of another random network */
let other
before(async () => {
  fixture = await Fixture.make(1)
  other = await Fixture.make(2)
})
afterEach(endAll)
after(async () => {
  await fixture.remove()
  await other.remove()
})

const script = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/** @param {Running} service @param {number} connections @param {number} amount */
async function load(service, connections, amount) {
  const child = spawn(process.execPath, [
    script('load.js'),
    ...[service.port, connections, amount].map(String),
  ])
  child.stdin.end(JSON.stringify(images.map(image => Buffer.from(image).toString('base64'))))
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  assert.equal(errors, '')
  return JSON.parse(output)
}

/**
 * @param {Running} service
 * @param {number} connections
 * @param {number} [retries] of a request whose connection broke
 * @returns a function that stops it and says what became of its requests
 */
function startClient(service, connections, retries = 0) {
  const args = [service.port, connections, size, retries].map(String)
  const child = spawn(process.execPath, [script('client.js'), ...args])
  child.stdin.on('error', () => {})
  willEnd(child)
  const output = text(child.stdout)
  return async () => {
    child.stdin.end('stop')
    return JSON.parse(await output)
  }
}

/**
 * Checks every answer against those of the tickets, and that every ticket answered.
 * @param {Record<string, number>[]} answered bodies by image
 * @param {readonly (readonly string[])[]} loads files of the tickets that may have answered
 */
async function checkAnswers(answered, loads) {
  const known = []
  for (const files of loads) known.push(await answersOf(files, images))
  const seen = new Set()
  for (const [n, bodies] of answered.entries()) {
    for (const body of Object.keys(bodies)) {
      const { ticket, ...answer } = JSON.parse(body)
      const from = known.findIndex(tickets => {
        const expected = tickets[ticket][n]
        return JSON.stringify(expected) === JSON.stringify(answer)
      })
      assert.notEqual(from, -1, `image ${n}: ${body} is no answer of ticket ${ticket}`)
      seen.add(`${from} ${ticket}`)
    }
  }
  assert.equal(seen.size, loads.length * 3)
}

test('each request is answered by a ticket of its own draw, to the bit, whoever is in its batch', async () => {
  const service = await Running.start('--answers', 'ticket', ...fixture.files)
  const { sent, statuses, errors, timeouts, answers } = await load(service, 32, 1500)
  assert.deepEqual(
    { sent, statuses, errors, timeouts },
    { sent: 1500, statuses: { 200: 1500 }, errors: 0, timeouts: 0 },
  )
  await checkAnswers(answers, [fixture.files])

  const metrics = await service.metrics()
  const value = (/** @type {string} */ name) =>
    Number(
      metrics
        .split('\n')
        .find(line => line.startsWith(`${name} `))
        ?.split(' ')[1],
    )
  assert.equal(value('rst_requests_total{status="200"}'), 1500)
  assert.equal(value('rst_request_seconds_count'), 1500)
  assert.equal(value('rst_batch_size_sum'), 1500)
  assert.ok(value('rst_batch_size_count') < 750, 'requests were answered together')
  const draws = [0, 1, 2].map(ticket => value(`rst_answers_total{ticket="${ticket}"}`))
  assert.equal(
    draws.reduce((sum, count) => sum + count),
    1500,
  )
  // Six standard deviations of a draw of one among three.
  for (const count of draws) assert.ok(Math.abs(count - 500) < 6 * Math.sqrt(1500 * (2 / 9)), draws.join())
  assert.equal(value('rst_requests_in_hand'), 0)
  assert.equal(value('rst_queue_length'), 0)
  assert.ok(value('nodejs_eventloop_lag_p99_seconds') >= 0)
  assert.equal(await service.stop(), 0)
})

test('the same pixels give the same answer as JSON, floats, bytes and PNG', async () => {
  const service = await Running.start('--answers', 'ticket', fixture.files[0])
  const [image] = images
  const floats = Float32Array.from(image, byte => byte / 255)
  const [[expected]] = await answersOf([fixture.files[0]], [image])
  for (const [body, type] of /** @type {const} */ ([
    [JSON.stringify({ pixels: [...floats] }), 'application/json'],
    [new Uint8Array(floats.buffer), 'application/octet-stream'],
    [image, 'application/octet-stream'],
    [await png(image), 'image/png'],
  ])) {
    const { status, body: answer } = await service.ask(body, type)
    assert.deepEqual({ status, answer }, { status: 200, answer: { ...expected, ticket: 0 } }, type)
  }
  assert.equal(await service.stop(), 0)
})

test('images are read as photographs come; what is none is refused with one sentence', async () => {
  const service = await Running.start('--max-body', '200000', '--max-pixels', '90000', fixture.files[0])
  const photograph = sharp({ create: { width: 300, height: 200, channels: 4, background: '#12345680' } })
  const ask = async (/** @type {Uint8Array | string} */ body, /** @type {string} */ type) => {
    const { status, body: answer } = await service.ask(body, type)
    assert.match(answer.error ?? 'Answered.', /^[A-Z].*\.$/)
    return status
  }
  for (const type of /** @type {const} */ (['png', 'jpeg', 'webp'])) {
    assert.equal(await ask(await photograph.clone().toFormat(type).toBuffer(), `image/${type}`), 200)
  }
  const jpeg = await photograph.clone().jpeg().toBuffer()
  assert.equal(await ask(await photograph.clone().greyscale().png().toBuffer(), 'image/png'), 200)
  assert.equal(await ask(jpeg.subarray(0, jpeg.length / 2), 'image/jpeg'), 400)
  assert.equal(
    await ask(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'image/png'),
    400,
  )
  assert.equal(await ask(await photograph.clone().gif().toBuffer(), 'image/png'), 400)
  assert.equal(await ask(await photograph.clone().gif().toBuffer(), 'image/gif'), 415)
  const bomb = await sharp({ create: { width: 5000, height: 5000, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  assert.equal(await ask(bomb, 'image/png'), 413)
  assert.equal(await ask(new Uint8Array(300_000), 'application/octet-stream'), 413)
  assert.equal(await ask(new Uint8Array(size - 1), 'application/octet-stream'), 400)
  const pixels = Array(size).fill(0.5)
  for (const wrong of ['', '{', '[]', 'null', '{}', { pixels: [1] }, { pixels: pixels.with?.(3, 2) ?? [] }]) {
    assert.equal(
      await ask(typeof wrong === 'string' ? wrong : JSON.stringify(wrong), 'application/json'),
      400,
    )
  }
  const strings = JSON.stringify({ pixels: pixels.map(String) })
  assert.equal(await ask(strings, 'application/json'), 400)
  assert.equal(
    await ask(new Uint8Array(new Float32Array(size).fill(Number.NaN).buffer), 'application/octet-stream'),
    400,
  )
  assert.equal(await ask('pixels', 'text/plain'), 415)
  const get = (/** @type {string} */ path) => fetch(`http://127.0.0.1:${service.port}${path}`)
  assert.deepEqual(
    [(await get('/healthz')).status, (await get('/readyz')).status, (await get('/')).status],
    [200, 200, 404],
  )
  assert.equal((await get('/metrics')).status, 404)
  assert.equal(await service.stop(), 0)
})

test('an answer tells no more than it is to; who leaves before it is counted and forgotten', async () => {
  const service = await Running.start('--answers', 'label', ...fixture.files)
  const { body } = await service.ask(images[0])
  assert.deepEqual(Object.keys(body), ['label'])

  const inHand = async () => /rst_requests_in_hand (\d+)/.exec(await service.metrics())?.[1]
  const socket = net.connect(service.port, '127.0.0.1')
  const head = `content-type: application/octet-stream\r\ncontent-length: ${size}`
  socket.write(`POST /predict HTTP/1.1\r\nhost: test\r\n${head}\r\n\r\nhalf`)
  while ((await inHand()) !== '1') await setTimeout(10)
  socket.destroy()
  while ((await inHand()) !== '0') await setTimeout(10)
  assert.match(await service.metrics(), /rst_requests_total\{status="499"\} 1/)
  assert.equal((await service.ask(images[0])).status, 200)
  assert.equal(await service.stop(), 0)
})

test('more than can wait are refused with 503 and Retry-After, and none is lost', async () => {
  const service = await Running.start('--queue', '8', '--answers', 'ticket', ...fixture.files)
  const { sent, statuses, errors, timeouts, answers, withoutRetryAfter } = await load(service, 64, 4000)
  assert.deepEqual(
    { sent, errors, timeouts, withoutRetryAfter },
    { sent: 4000, errors: 0, timeouts: 0, withoutRetryAfter: 0 },
  )
  assert.deepEqual(Object.keys(statuses), ['200', '503'])
  assert.equal(statuses[200] + statuses[503], 4000)
  await checkAnswers(answers, [fixture.files])
  const metrics = await service.metrics()
  assert.ok(metrics.includes(`rst_requests_total{status="503"} ${statuses[503]}`))
  assert.equal(await service.stop(), 0)
})

test('tickets are replaced under load without a dropped request; damaged ones are not taken', async () => {
  const served = await Promise.all(
    fixture.files.map(async (file, n) => {
      const path = `${fixture.folder}/served-${n}.safetensors`
      await copyFile(file, path)
      return path
    }),
  )
  const service = await Running.start('--answers', 'ticket', ...served)
  const running = load(service, 16, 3000)
  await setTimeout(300)
  await writeFile(served[1], 'no ticket')
  const refused = await service.reload()
  assert.equal(refused.status, 409)
  assert.match(refused.body.error, /served-1\.safetensors/)
  for (const [n, file] of other.files.entries()) await copyFile(file, served[n])
  const reloaded = await service.reload()
  assert.equal(reloaded.status, 200)
  assert.equal(reloaded.body.tickets.length, 3)
  const { sent, statuses, errors, answers } = await running
  assert.deepEqual({ sent, statuses, errors }, { sent: 3000, statuses: { 200: 3000 }, errors: 0 })
  await checkAnswers(answers, [fixture.files, other.files])
  const metrics = await service.metrics()
  for (const result of ['loaded', 'refused'])
    assert.ok(metrics.includes(`rst_reloads_total{result="${result}"} 1`))

  // By a signal as well.
  await copyFile(fixture.files[0], served[0])
  service.child.kill('SIGHUP')
  await service.logged('The former tickets stay in service')
  for (const [n, file] of fixture.files.entries()) await copyFile(file, served[n])
  service.child.kill('SIGHUP')
  await service.logged('tickets loaded anew', 2)
  assert.equal(await service.stop(), 0)
})

test('SIGTERM under load: everything that came is answered', async () => {
  const service = await Running.start(...fixture.files)
  const stopClient = startClient(service, 24)
  await setTimeout(1000)
  assert.equal(await service.stop(), 0)
  const { sent, answered, lost, refused, otherwise, unreachable } = await stopClient()
  assert.ok(answered > 100)
  assert.ok(unreachable > 0)
  assert.deepEqual({ lost, refused, otherwise }, { lost: 0, refused: 0, otherwise: 0 })
  assert.equal(sent, answered + unreachable)
})

test('a worker that is told to stop is replaced first: nobody notices', async () => {
  const service = await Running.start(...fixture.files)
  const stopClient = startClient(service, 8)
  const [worker] = service.workers()
  await setTimeout(500)
  process.kill(worker, 'SIGTERM')
  await service.logged('a worker ended')
  assert.ok(!service.workers().includes(worker), JSON.stringify(service.log))
  await setTimeout(500)
  const { sent, answered } = await stopClient()
  assert.equal(answered, sent)
  assert.equal(await service.stop(), 0)
})

test('a worker that is killed loses what it had in hand; who asks again loses nothing', async () => {
  const service = await Running.start('--workers', '2', '--threads', '1', ...fixture.files)
  await service.logged('a worker answers', 2)
  const [stopClient, stopPatient] = [startClient(service, 4), startClient(service, 4, 1)]
  await setTimeout(1000)
  process.kill(service.workers()[0], 'SIGKILL')
  await service.logged('a worker answers', 3)
  await setTimeout(500)
  const { answered, lost, unreachable, sent } = await stopClient()
  assert.ok(lost <= 4, `${lost} lost`)
  assert.deepEqual({ unreachable, sent }, { unreachable: 0, sent: answered + lost })
  const patient = await stopPatient()
  assert.ok(lost + patient.again > 0)
  assert.equal(patient.answered, patient.sent)
  assert.match(await service.metrics(), /rst_worker_deaths_total 1/)
  assert.equal(await service.stop(), 0)
})

test('what cannot start says so in a sentence', async () => {
  const run = async (/** @type {string[]} */ ...args) => {
    const running = Running.spawn(...args)
    const [code] = await once(running.child, 'close')
    return { code, errors: running.errors, log: running.log }
  }
  const usage = await run('--queue', 'many', 'a.safetensors')
  assert.deepEqual(
    [usage.code, usage.errors],
    [2, 'Expected a whole number from 1 to 1000000 for --queue but received "many".\n'],
  )
  assert.equal((await run()).code, 2)
  assert.equal((await run('--nonsense', 'a')).code, 2)
  const missing = await run('--admin-port', '0', 'no-such-file.safetensors')
  assert.equal(missing.code, 1)
  assert.ok(missing.log.some(({ msg }) => msg.includes('no-such-file.safetensors')))
  const help = spawn(process.execPath, [script('../main.js'), '--help'])
  assert.match(await text(help.stdout), /--max-batch .*\(default: 16\)/)
})
