// rst r2s
import { Command } from 'commander'
import { usualEps } from '../../data/dataset.ts'
import type { SwitchExpectation, SwitchSimulation } from '../../r2s/evaluate.ts'
import { r2s } from '../../runs/r2s.ts'
import { addR2SOptions, type R2SOptions } from '../attack-options.ts'
import { evaluationOptions, withEvaluation } from '../evaluation-options.ts'
import { formatAccuracy, formatCount, formatDifference, formatPercent } from '../format.ts'
import { addExamples } from '../help.ts'
import { formatTable } from '../layout.ts'
import { checkAdversaryFlags, makeAdversary } from '../make-adversary.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { attackName, imagesLine, originLine } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { marginLine, requiredTickets, ruleLine, shortNames } from '../switch-lines.ts'

export function r2sCommand(context: Context): Command {
  const command = new Command('r2s')
    .summary('measure a random switch between tickets')
    .description(
      'Compute the expected natural and robust accuracy of the random switch between tickets of one random network.',
    )
  addExamples(command, {
    'under an attack on one ticket, drawn blindly':
      'rst r2s rst-5.safetensors rst-7.safetensors rst-10.safetensors --eps 8/255',
    'under the adversary to trust, which knows all tickets':
      'rst r2s rst-5.safetensors rst-7.safetensors --adversary arc --out r2s',
  })
  for (const add of [addR2SOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<R2SOptions>(context, evaluateSwitch, checkAdversaryFlags))
}

async function evaluateSwitch(options: R2SOptions, session: Session): Promise<void> {
  const tickets = requiredTickets(options)
  const { simulate, singles } = options
  const { report, found } = await withEvaluation(options, session, events =>
    r2s({
      ...evaluationOptions(options),
      ...events,
      tickets,
      adversary: info => makeAdversary(options, options.eps ?? usualEps(info)),
      simulate,
      singles,
    }),
  )
  const { adversary: used, provenance } = found
  session.terminal.result(
    [
      ...(found.method === 'simulation'
        ? simulationLines(found)
        : expectationLines(found, shortNames(tickets))),
      `${options.adversary}: ${attackName(used)} ${imagesLine(provenance.data)}${ruleLine(used.onlyCorrect)}`,
      originLine(provenance),
    ],
    report,
  )
}

function expectationLines(report: SwitchExpectation, names: readonly string[]): string[] {
  const { matrix, adversary, uncertainty, tickets } = report
  const columns = ['naturalAccuracy', 'robustAccuracy', 'worstTicket', 'allTickets'] as const
  const attacked = (row: number) =>
    adversary.against === 'one' ? `attack on ${names[row]}` : 'attack on all'
  return [
    ...formatTable([
      ['expected accuracy', 'natural', 'robust', 'worst ticket', 'all tickets'],
      [
        `switch of ${tickets}`,
        ...columns.map(column => formatAccuracy(report[column], uncertainty[column].interval)),
      ],
    ]),
    '',
    ...formatTable([
      ['accuracy of', ...names],
      ...matrix.map((row, i) => [attacked(i), ...row.map(formatPercent)]),
    ]),
    '',
    ...bestTicketLines(report, names),
    marginLine(report.intervals.flat()),
    'worst ticket: the adversary attacks the ticket that hurts each image most; all tickets: right on every ticket; right under attack counts where it was right before',
  ]
}

/** What the switch gains over its best ticket, and how that was measured. */
function bestTicketLines(
  { bestTicket, tickets, adversary }: SwitchExpectation,
  names: readonly string[],
): string[] {
  if (bestTicket === undefined) {
    return tickets > 1 && adversary.against === 'all'
      ? ['the single tickets were not attacked alone: --singles does, and compares the switch with the best']
      : []
  }
  const { ticket, accuracy, accuracyInterval, difference, interval, z, chosenOn, reportedOn } = bestTicket
  const { onSameImages } = bestTicket
  return [
    `best single ticket, attacked alone: ${names[ticket]} with ${formatAccuracy(accuracy, accuracyInterval)}; the switch gains ${formatDifference(difference, interval)}, z = ${formatZ(z)}; chosen on ${formatCount(chosenOn)} of the images, reported on the other ${formatCount(reportedOn)}`,
    `chosen and reported on all images: ${names[onSameImages.ticket]} with ${formatPercent(onSameImages.accuracy)}, the switch ${formatDifference(onSameImages.difference, onSameImages.interval)}, z = ${formatZ(onSameImages.z)}; the best of ${tickets} is biased upwards there`,
  ]
}

const formatZ = (z: number) => z.toFixed(2).replace('-', '−')

function simulationLines(report: SwitchSimulation): string[] {
  const { naturalAccuracy, robustAccuracy, draws, interval } = report
  return [
    ...formatTable([
      ['simulated accuracy', 'natural', 'robust', '95 % interval'],
      [
        `switch of ${report.tickets}`,
        formatPercent(naturalAccuracy),
        formatPercent(robustAccuracy),
        `${formatPercent(interval.low)} to ${formatPercent(interval.high)}`,
      ],
    ]),
    '',
    `a simulation of ${formatCount(draws)} draws; its interval is about draws on these images only, not about other images; without --simulate the expectation is computed`,
  ]
}
