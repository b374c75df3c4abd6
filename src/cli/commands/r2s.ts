// rst r2s
import { Command } from 'commander'
import { ConfigError } from '../../errors.ts'
import type { SwitchExpectation, SwitchSimulation } from '../../r2s/evaluate.ts'
import type { SwitchAttack } from '../../r2s/switch-attack.ts'
import { addR2SOptions, type R2SOptions } from '../attack-options.ts'
import { formatCount, formatPercent, formatTable } from '../format.ts'
import type { Library } from '../library.ts'
import { makeAttack } from '../make-attack.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { openSwitchRun, ruleLine, runSwitch } from '../switch-run.ts'
import { formatEps } from '../values.ts'

export function r2sCommand(context: Context): Command {
  const command = new Command('r2s')
    .summary('measure a random switch between tickets')
    .description(
      'Compute the expected natural and robust accuracy of the random switch between tickets of one random network.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ rst r2s --tickets rst-5.safetensors,rst-7.safetensors,rst-10.safetensors --adversary eot --eps 8/255   # with --out DIR, --resume goes on after Ctrl-C',
    )
  for (const add of [addR2SOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<R2SOptions>(context, evaluateSwitch))
}

async function evaluateSwitch(options: R2SOptions, session: Session): Promise<void> {
  const { terminal } = session
  checkAdversaryOptions(options)
  const run = await openSwitchRun(options, session)
  const { library, r2s, test, eps, names } = run
  const adversary = makeAdversary(options, eps, library)
  const { simulate } = options
  const { report, json } = await runSwitch<SwitchExpectation | SwitchSimulation>(
    'r2s',
    options,
    run,
    session,
    scoring => library.evaluateR2S(r2s, test, { adversary, simulate, ...scoring }),
  )
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
    'worst ticket: the adversary attacks the ticket that hurts each image most; all tickets: right on every ticket; right under attack counts where it was right before',
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

/** @throws ConfigError for an option that the adversary would not read */
function checkAdversaryOptions(options: R2SOptions): void {
  const { adversary, attack, restarts, onlyCorrect, simulate } = options
  const ofRandom: [string, string, unknown][] = [
    ['onlyCorrect', '--only-correct', onlyCorrect],
    ['simulate', '--simulate', simulate],
    ['attack', '--attack', attack !== 'pgd'],
  ]
  for (const [option, flag, value] of ofRandom) {
    if (value === undefined || value === false || adversary === 'random') continue
    throw new ConfigError(`${flag} is for --adversary random, not ${adversary}: leave it out.`, option)
  }
  if (adversary === 'arc' && restarts > 1) {
    throw new ConfigError('arc draws nothing, so --restarts would repeat it: leave it out.', 'restarts')
  }
}

function makeAdversary(options: R2SOptions, eps: number, library: Library): SwitchAttack {
  const { adversaries } = library
  const { adversary, norm, steps, stepSize, restarts } = options
  const settings = { eps, norm, steps, stepSize, restarts }
  switch (adversary) {
    case 'random':
      return adversaries.random(makeAttack(options.attack, options, eps, library))
    case 'eot':
      return adversaries.eot(settings)
    case 'eot-apgd':
      return adversaries.eotApgd({ eps, norm, steps, restarts })
    case 'ensemble-logits':
      return adversaries.ensembleLogits(settings)
    case 'ensemble-probs':
      return adversaries.ensembleProbs(settings)
    case 'arc':
      return adversaries.arc({ eps, norm, steps, stepSize })
  }
}
