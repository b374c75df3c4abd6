// npm run bench:serve: the service of examples/serve with three tickets of 5 %, and with ONNX Runtime and the dense network
// behind it, in turn, by connections.
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../statistics.ts'
import { formatTable } from '../table.ts'
import { type LoadResult, measureLoad } from './load.ts'
import { writeModels } from './models.ts'
import { ServiceProcess } from './service-process.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1,8,32,64' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    threads: { type: 'string', default: String(availableParallelism()) },
    'max-batch': { type: 'string', default: '16' },
  },
})
const seconds = Number(values.seconds)
const image = Buffer.from(Uint8Array.from({ length: 3072 }, (_, i) => (i * 37) % 251))

const folder = await mkdtemp(join(tmpdir(), 'rst-bench-'))
const { tickets, dense } = await writeModels(folder)
const limits = ['--threads', values.threads, '--max-batch', values['max-batch']]
const ours = await ServiceProcess.ofTickets([...limits, ...tickets])
const peer = await ServiceProcess.ofOnnx(dense, Number(values.threads), Number(values['max-batch']))
const rows: string[][] = []
for (const connections of values.connections.split(',').map(Number)) {
  const results: Record<'ours' | 'peer', LoadResult[]> = { ours: [], peer: [] }
  const measure = (service: ServiceProcess, time: number) =>
    measureLoad(service.url, image, { connections, seconds: time })
  for (const service of [ours, peer]) await measure(service, 1)
  for (let round = 0; round < Number(values.rounds); round++) {
    results.peer.push(await measure(peer, seconds))
    results.ours.push(await measure(ours, seconds))
  }
  const times = results.ours.map(({ rate }, round) => rate / results.peer[round]!.rate)
  const cells = (of: LoadResult[]) => [
    spread(of.map(({ rate }) => rate)),
    spread(of.map(({ p50 }) => p50)),
    spread(of.map(({ p99 }) => p99)),
  ]
  rows.push([String(connections), ...cells(results.ours), ...cells(results.peer), spread(times)])
  console.error(`${connections} connections: done`)
}
const header = ['requests/s', 'p50 ms', 'p99 ms']
console.log(
  formatTable(
    ['connections', ...header, ...header.map(title => `ONNX ${title}`), 'times the requests/s'],
    rows,
  ),
)
await ours.stop()
await peer.stop()
await rm(folder, { recursive: true })

/** The median, and in brackets the extremes. */
function spread(numbers: readonly number[]): string {
  const digits = (value: number) => (value < 100 ? value.toFixed(1) : value.toFixed(0))
  return `${digits(median(numbers))} (${digits(Math.min(...numbers))}–${digits(Math.max(...numbers))})`
}
