// rst transfer
import { Command } from 'commander'
import { usualEps } from '../../data/dataset.ts'
import { transfer } from '../../runs/transfer.ts'
import { addTransferOptions, type TransferOptions } from '../attack-options.ts'
import { evaluationOptions, withEvaluation } from '../evaluation-options.ts'
import { formatAccuracy, formatPercent } from '../format.ts'
import { addExamples } from '../help.ts'
import { formatTable } from '../layout.ts'
import { checkAttackFlags, makeAttack } from '../make-attack.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { attackName, imagesLine, originLine } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { marginLine, requiredTickets, ruleLine, shortNames } from '../switch-lines.ts'

export function transferCommand(context: Context): Command {
  const command = new Command('transfer')
    .summary('measure how attacks transfer between tickets')
    .description(
      'Attack each ticket and print the accuracy of every ticket on the images found: rows are attacked, columns answer.',
    )
  addExamples(command, {
    'three tickets; with --out, --resume goes on after Ctrl-C':
      'rst transfer rst-5.safetensors rst-7.safetensors rst-10.safetensors --eps 8/255 --out transfer',
  })
  for (const add of [addTransferOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<TransferOptions>(context, transferAttacks, checkAttackFlags))
}

async function transferAttacks(options: TransferOptions, session: Session): Promise<void> {
  const tickets = requiredTickets(options)
  const { report, matrix: result } = await withEvaluation(options, session, events =>
    transfer({
      ...evaluationOptions(options),
      ...events,
      tickets,
      attack: info => makeAttack(options.attack, options, options.eps ?? usualEps(info)),
    }),
  )
  const names = shortNames(tickets)
  session.terminal.result(
    [
      ...formatTable([
        ['accuracy of', ...names],
        ['natural', ...result.natural.map(formatPercent)],
        ...result.matrix.map((row, i) => [`attack on ${names[i]}`, ...row.map(formatPercent)]),
      ]),
      '',
      `mean of the matrix ${formatAccuracy(result.mean, result.meanInterval)}: the expected accuracy of a random switch attacked through one ticket`,
      marginLine([...result.naturalIntervals, ...result.intervals.flat()]),
      `${attackName(result.attack)} ${imagesLine(result.provenance.data)}${ruleLine(result.attack.onlyCorrect)}`,
      originLine(result.provenance),
    ],
    report,
  )
}
