// rst r2s
import { Command } from 'commander'
import type { SwitchExpectation, SwitchSimulation } from '../../r2s/evaluate.ts'
import { addR2SOptions, type R2SOptions } from '../attack-options.ts'
import { formatCount, formatPercent, formatTable } from '../format.ts'
import { checkAdversaryFlags, makeAdversary } from '../make-adversary.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { ProgressDisplay } from '../progress.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { openSwitchRun, ruleLine, scoringOptions, writeResult } from '../switch-run.ts'
import { formatEps } from '../values.ts'

export function r2sCommand(context: Context): Command {
  const command = new Command('r2s')
    .summary('measure a random switch between tickets')
    .description(
      'Compute the expected natural and robust accuracy of the random switch between tickets of one random network.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ rst r2s --tickets rst-5.safetensors,rst-7.safetensors,rst-10.safetensors --adversary eot --eps 8/255',
    )
  for (const add of [addR2SOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<R2SOptions>(context, evaluateSwitch, checkAdversaryFlags))
}

async function evaluateSwitch(options: R2SOptions, session: Session): Promise<void> {
  const { terminal } = session
  const { library, r2s, test, eps, paths, names } = await openSwitchRun(options, session)
  const adversary = makeAdversary(options, eps, library)
  const display = new ProgressDisplay(terminal, 'r2s')
  const { simulate } = options
  const report = await library
    .evaluateR2S(r2s, test, { adversary, simulate, ...scoringOptions(options, test, display, session) })
    .finally(() => display.finish())
  for (const { message } of report.warnings) terminal.warn(message)
  const json = { ...report, tickets: paths, seconds: session.seconds() }
  await writeResult(options, 'r2s.json', json)
  const { name, norm, onlyCorrect } = report.adversary
  const norms = { linf: 'L∞', l2: 'L2' }
  terminal.result(
    [
      ...(report.method === 'simulation' ? simulationLines(report) : expectationLines(report, names)),
      `${options.adversary}: ${name} (${norms[norm]} ${formatEps(eps)}) on ${formatCount(report.images)} test images${ruleLine(onlyCorrect)}`,
    ],
    json,
  )
}

function expectationLines(report: SwitchExpectation, names: readonly string[]): string[] {
  const { naturalAccuracy, robustAccuracy, worstTicket, allTickets, matrix, adversary } = report
  const attacked = (row: number) =>
    adversary.against === 'one' ? `attack on ${names[row]}` : 'attack on all'
  return [
    ...formatTable([
      ['expected accuracy', 'natural', 'robust', 'worst ticket', 'all tickets'],
      [
        `switch of ${report.tickets}`,
        ...[naturalAccuracy, robustAccuracy, worstTicket, allTickets].map(formatPercent),
      ],
    ]),
    '',
    ...formatTable([
      ['accuracy of', ...names],
      ...matrix.map((row, i) => [attacked(i), ...row.map(formatPercent)]),
    ]),
    '',
    'worst ticket: the adversary attacks the ticket that hurts each image most; all tickets: right on every ticket',
  ]
}

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
    `a simulation of ${formatCount(draws)} draws; without --simulate the expectation is computed`,
  ]
}
