// rst info
import { Command } from 'commander'
import { type TicketAccount, ticketAccounts } from '../../saved/accounting.ts'
import type { Measurement } from '../../saved/ticket-data.ts'
import { formatAccuracy, formatBytes, formatCount, formatPercent } from '../format.ts'
import { addExamples } from '../help.ts'
import { formatList } from '../layout.ts'
import { addOutputOptions, type OutputOptions } from '../options.ts'
import { attackName, imagesLine } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'

export function infoCommand(context: Context): Command {
  const command = new Command('info')
    .summary('show what tickets hold and what they take')
    .description(
      'Show where tickets come from, the weights that they keep, and their bytes next to a checkpoint of the dense network.',
    )
    .argument('<files...>', 'ticket files')
    .action((files: string[], options: OutputOptions, self: Command) =>
      runCommand<OutputOptions>(context, (_, session) => info(files, session))(options, self),
    )
  addExamples(command, {
    'two tickets, and what they share': 'rst info rst-5.safetensors rst-10.safetensors',
  })
  return addOutputOptions(command)
}

async function info(files: readonly string[], { terminal }: Session): Promise<void> {
  const accounts = await ticketAccounts(files)
  const { tickets, sharedNetwork, bytes } = accounts
  const lines = tickets.flatMap(ticket => [...describe(ticket), ''])
  if (tickets.length > 1) {
    lines.push(
      `${tickets.length} tickets: ${formatBytes(bytes.files)}; dense checkpoints: ${formatBytes(bytes.denseCheckpoints)} (${(bytes.denseCheckpoints / bytes.files).toFixed(1)} times)`,
      sharedNetwork
        ? 'All share the weights of one random network: each adds its mask and batch-norm statistics only.'
        : 'They do not share one random network.',
    )
  } else lines.pop()
  terminal.result(lines, accounts)
}

function describe({ file, metadata, hash, parameters: { kept, total }, bytes }: TicketAccount): string[] {
  const { arch, width, dataset, pattern, remainingRatio, init, weightSeed, accuracies } = metadata
  const measured = Object.entries(accuracies)
    .filter((entry): entry is [string, number] => entry[1] !== undefined)
    .map(([name, share]) => accuracyLine(name, share, metadata.measured?.[name]))
  const rows: [string, string][] = [
    ['network', `${arch} of width ${width}, ${init}, weight seed ${weightSeed}`],
    ['searched on', dataset],
    ['weights kept', `${formatCount(kept)} of ${formatCount(total)} (${formatPercent(kept / total)})`],
    ['mask', `${formatBytes(bytes.masks)}, pattern ${pattern}, ratio ${remainingRatio}`],
    ['batch norm', formatBytes(bytes.batchNorms)],
    ['stored weights', bytes.weights > 0 ? formatBytes(bytes.weights) : 'none: the seed gives them'],
    [
      'file',
      `${formatBytes(bytes.file)}; the dense checkpoint takes ${formatBytes(bytes.denseCheckpoint)} (${(bytes.denseCheckpoint / bytes.file).toFixed(1)} times)`,
    ],
    ['hash', hash],
    ...(measured.length > 0 ? measured : ['not measured']).map((line, i): [string, string] => [
      i === 0 ? 'accuracy' : '',
      line,
    ]),
  ]
  return [file, ...formatList(rows, '  ')]
}

/** An accuracy, what it is of, and by what it was measured; tickets of earlier versions do not say. */
function accuracyLine(name: string, share: number, measured: Measurement | undefined): string {
  if (measured === undefined) return `${name} ${formatPercent(share)}; the ticket does not say of what`
  const { attack, interval, data, version, device } = measured
  const under = attack === undefined ? '' : ` under ${attackName(attack)}, attack seed ${attack.seed},`
  return `${name} ${formatAccuracy(share, interval)}${under} ${imagesLine(data)}; rst-native ${version}, ${device}`
}
