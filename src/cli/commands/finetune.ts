// rst finetune
import { Command } from 'commander'
import { ConfigError } from '../../errors.ts'
import { finetune } from '../../runs/finetune.ts'
import { evaluationLines } from '../evaluation-lines.ts'
import { formatDuration } from '../format.ts'
import { addExamples } from '../help.ts'
import { checkTrainingFlags } from '../inner-attack.ts'
import {
  addDeviceOptions,
  addOutputOptions,
  addTicketOption,
  addTrainingOptions,
  addWeightsOption,
  type RunOptions,
} from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { trainingOptions, withTraining } from '../training-options.ts'

type Options = RunOptions & { ticket?: string; weights: 'inherit' | 'reinit' }

export function finetuneCommand(context: Context): Command {
  const command = new Command('finetune')
    .summary("train a ticket's weights under its mask")
    .description("Train the kept weights of a ticket on the ticket's data set; the mask stays as it is.")
  addExamples(command, {
    'from weights drawn anew': 'rst finetune rst-5.safetensors --weights reinit --epochs 20',
  })
  for (const add of [
    addTicketOption,
    addWeightsOption,
    addTrainingOptions,
    addDeviceOptions,
    addOutputOptions,
  ])
    add(command)
  return command.action(runCommand<Options>(context, finetuneTicket, checkTrainingFlags))
}

async function finetuneTicket(options: Options, session: Session): Promise<void> {
  const { ticket, weights, device, threads } = options
  if (ticket === undefined)
    throw new ConfigError('--ticket is required: give the path of a ticket file.', 'ticket')
  const begin = `Fine-tuning ${ticket}`
  const { report, evaluations } = await withTraining(options, session, begin, events =>
    finetune({ ...trainingOptions(options), ...events, ticket, weights, device, threads }),
  )
  session.terminal.result(
    [
      ...evaluationLines(evaluations),
      `${formatDuration(report.seconds)}`,
      `ticket saved to ${report.ticket}`,
    ],
    report,
  )
}
