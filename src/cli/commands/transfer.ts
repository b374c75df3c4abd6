// rst transfer
import { Command } from 'commander'
import type { TransferMatrix } from '../../r2s/transfer.ts'
import { addTransferOptions, type TransferOptions } from '../attack-options.ts'
import { formatAccuracy, formatPercent } from '../format.ts'
import { formatTable } from '../layout.ts'
import { checkAttackFlags, makeAttack } from '../make-attack.ts'
import { addDeviceOptions, addOutputOptions } from '../options.ts'
import { attackName, imagesLine, originLine } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { marginLine, openSwitchRun, ruleLine, runSwitch } from '../switch-run.ts'

export function transferCommand(context: Context): Command {
  const command = new Command('transfer')
    .summary('measure how attacks transfer between tickets')
    .description(
      'Attack each ticket and print the accuracy of every ticket on the images found: rows are attacked, columns answer.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ rst transfer --tickets rst-5.safetensors,rst-7.safetensors,rst-10.safetensors --eps 8/255 --limit 1000   # with --out DIR, --resume goes on after Ctrl-C',
    )
  for (const add of [addTransferOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<TransferOptions>(context, transfer, checkAttackFlags))
}

async function transfer(options: TransferOptions, session: Session): Promise<void> {
  const { terminal } = session
  const run = await openSwitchRun(options, session)
  const { library, r2s, test, eps, names } = run
  const attack = makeAttack(options.attack, options, eps, library)
  const { report: result, json } = await runSwitch<TransferMatrix>(
    'transfer',
    options,
    run,
    session,
    scoring => library.transferMatrix(r2s.tickets, test, { attack, ...scoring }),
  )
  terminal.result(
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
    json,
  )
}
