// @ts-check
// The service for a minute under load, with a reload and the end of a worker in the middle: what became of each request.
//
//   npm run soak -- [--seconds 60] [--workers 1] [--connections 16] [--kill SIGTERM] [--retries 0]
import { spawn } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Fixture } from './fixture.js'
import { Running } from './running.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    workers: { type: 'string', default: '1' },
    connections: { type: 'string', default: '16' },
    kill: { type: 'string', default: 'SIGTERM' },
    retries: { type: 'string', default: '0' },
  },
})
const third = (Number(values.seconds) * 1000) / 3

const fixture = await Fixture.make(1)
const other = await Fixture.make(2)
const service = await Running.start('--workers', values.workers, ...fixture.files)
await service.logged('a worker answers', Number(values.workers))
const client = spawn(process.execPath, [
  fileURLToPath(new URL('client.js', import.meta.url)),
  ...[String(service.port), values.connections, String(3 * 16 * 16), values.retries],
])
const output = text(client.stdout)

await setTimeout(third)
for (const [n, file] of other.files.entries()) await copyFile(file, fixture.files[n])
console.log(`reload: ${(await service.reload()).status}`)
await setTimeout(third)
const [worker] = service.workers()
process.kill(worker, values.kill)
console.log(`${values.kill} to worker ${worker} of ${values.workers}`)
await setTimeout(third)
client.stdin.end()
console.table([JSON.parse(await output)])
console.log(`stopped: ${await service.stop()}`)
await fixture.remove()
await other.remove()
