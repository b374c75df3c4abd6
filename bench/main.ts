// npm run bench -- [--only GROUP] [--json FILE] [--svg FILE]
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import { figures } from './figures.ts'
import { benchInference } from './inference.ts'
import { benchLayers } from './layers.ts'
import { peerNames } from './peers/catalogue.ts'
import { benchPeers, type PeersOptions } from './peers.ts'
import { type BenchRow, type Group, groups, works } from './row.ts'
import { benchSteps } from './steps.ts'
import { formatSeconds, rowTable } from './table.ts'

interface Options extends PeersOptions {
  only?: Group
  json?: string
  svg?: string
}

const options = new Command('bench')
  .description(
    'Time resnet18-cifar here and in other libraries (`npm install --prefix bench/peers` for those under Node, RST_PYTHON for a Python that has torch).',
  )
  .addOption(new Option('--only <group>', 'one group of measurements; default: all').choices(groups))
  .option('--json <file>', 'write the rows to this file')
  .option('--svg <file>', 'draw the rows to this file')
  .option('--ratios <list>', 'remaining ratios', numbers, [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1])
  .option('--batch <n>', 'images a batch', count, 128)
  .option('--threads <n>', 'threads, ours and theirs', count, availableParallelism())
  .option('--repeat <n>', 'timed repetitions', count, 5)
  .option('--slow-repeat <n>', 'the same next to a peer that takes more than ten seconds', count, 3)
  .option('--works <list>', `of the groups steps and peers: ${works.join(', ')}`, oneOf(works), [...works])
  .option('--peers <list>', peerNames.join(', '), oneOf(peerNames), [...peerNames])
  .parse()
  .opts<Options>()

const benches = { steps: benchSteps, layers: benchLayers, inference: benchInference, peers: benchPeers }
const rows: BenchRow[] = []
for (const group of options.only ? [options.only] : groups) {
  await benches[group](options, row => {
    rows.push(row)
    // After each row, so that an interrupted run leaves what it measured.
    if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 1)}\n`)
    console.error(progressLine(row))
  })
  const measured = rows.filter(row => row.group === group)
  if (measured.length > 0) console.log(`\n${group}\n\n${rowTable(measured)}\n`)
  if (options.svg) writeFileSync(options.svg, figures(rows))
}

function progressLine({ group, work, layer, ratio, batch, implementation, median }: BenchRow): string {
  const what = [work, layer, `ratio ${ratio}`, `batch ${batch}`].filter(Boolean).join(', ')
  return `${group}: ${what}: ${implementation} ${median === null ? 'missing' : formatSeconds(median)}`
}

function numbers(list: string): number[] {
  const values = list.split(',').map(Number)
  if (values.every(value => value > 0 && value <= 1)) return values
  throw new InvalidArgumentError('Expected ratios above 0 and up to 1, separated by commas.')
}

function count(value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value)
  throw new InvalidArgumentError('Expected a whole number of at least 1.')
}

function oneOf<T extends string>(allowed: readonly T[]) {
  return (list: string): T[] => {
    const values = list.split(',') as T[]
    if (values.every(value => allowed.includes(value))) return values
    throw new InvalidArgumentError(`Expected some of ${allowed.join(', ')}, separated by commas.`)
  }
}
