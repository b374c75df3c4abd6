// npm run bench -- --only steps [--json FILE]
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Command } from 'commander'
import { packageRoot } from '../src/native/addon.ts'
import { type BenchRow, benchSteps } from './steps.ts'

interface Options {
  only: string
  json?: string
  ratios: string
  batch: string
  threads: string
  repeat: string
  work: string
}

const options = new Command('bench')
  .description('Time this package, and PyTorch where RST_PYTHON names a Python that has it.')
  .option('--only <group>', 'steps: whole PGD and search steps of resnet18-cifar', 'steps')
  .option('--json <file>', 'write the rows to this file')
  .option('--ratios <list>', 'remaining ratios', '0.05,0.1,0.3,1')
  .option('--batch <n>', 'images a batch', '128')
  .option('--threads <n>', 'threads', String(availableParallelism()))
  .option('--repeat <n>', 'timed repetitions of each row', '5')
  .option('--work <list>', 'pgd-step, search-step', 'pgd-step,search-step')
  .parse()
  .opts<Options>()
if (options.only !== 'steps') throw new Error(`Expected steps for --only but received '${options.only}'.`)

const ratios = options.ratios.split(',').map(Number)
const works = options.work.split(',') as BenchRow['work'][]
const [batch, threads, repeat] = [options.batch, options.threads, options.repeat].map(Number)
const rows: BenchRow[] = []

function report(row: BenchRow): void {
  rows.push(row)
  const spread = `${Math.min(...row.seconds).toFixed(3)}–${Math.max(...row.seconds).toFixed(3)}`
  console.log(
    `${row.work.padEnd(12)} ratio ${String(row.ratio).padEnd(5)} ${row.implementation.padEnd(17)} median ${row.median.toFixed(3)} s (${spread})`,
  )
}

await benchSteps({ ratios, batch, threads, repeat, works }, report)
await benchPyTorch()
if (options.json) await writeFile(options.json, `${JSON.stringify(rows, null, 1)}\n`)

/** The same work in PyTorch, in a process of its own; its time does not depend on the ratio, so one is enough. */
async function benchPyTorch(): Promise<void> {
  const python = process.env.RST_PYTHON
  if (!python) {
    console.log('PyTorch was not measured: set RST_PYTHON to a Python that has torch.')
    return
  }
  const script = join(packageRoot, 'bench', 'peers', 'pytorch.py')
  for (const work of works) {
    const args = [script, '--work', work, '--ratio', '0.05', '--batch', `${batch}`, '--threads', `${threads}`]
    const { stdout } = await promisify(execFile)(python, [...args, '--repeat', `${repeat}`])
    for (const line of stdout.split('\n').filter(line => line.startsWith('{'))) report(JSON.parse(line))
  }
}
