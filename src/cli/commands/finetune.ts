// rst finetune
import { Command } from 'commander'
import { datasets } from '../../data/datasets.ts'
import { ConfigError } from '../../errors.ts'
import { closingEvaluation, evaluationLines, printWarnings, writeEvaluations } from '../closing-evaluation.ts'
import { formatDuration } from '../format.ts'
import { checkTrainingFlags } from '../inner-attack.ts'
import { accuraciesOf } from '../measurements.ts'
import {
  addDeviceOptions,
  addOutputOptions,
  addTicketOption,
  addTrainingOptions,
  addWeightsOption,
  type RunOptions,
} from '../options.ts'
import { dated } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import {
  openRunFolder,
  resultPath,
  saveWithAccuracies,
  trainingOptions,
  withProgress,
} from '../training-run.ts'

type Options = RunOptions & { ticket?: string; weights: 'inherit' | 'reinit' }

export function finetuneCommand(context: Context): Command {
  const command = new Command('finetune')
    .summary("train a ticket's weights under its mask")
    .description("Train the kept weights of a ticket on the ticket's data set; the mask stays as it is.")
    .addHelpText(
      'after',
      '\nExample:\n  $ rst finetune --ticket rst-5.safetensors --weights reinit --epochs 20',
    )
  for (const add of [
    addTicketOption,
    addWeightsOption,
    addTrainingOptions,
    addDeviceOptions,
    addOutputOptions,
  ])
    add(command)
  return command.action(runCommand<Options>(context, finetune, checkTrainingFlags))
}

async function finetune(options: Options, session: Session): Promise<void> {
  const { terminal } = session
  if (options.ticket === undefined)
    throw new ConfigError('--ticket is required: give the path of a ticket file.', 'ticket')
  const library = await session.loadLibrary()
  const { device, threads, weights } = options
  const start = await library.loadTicket(options.ticket, { device, threads })
  const { arch, dataset, remainingRatio } = start.metadata
  const data = await datasets.open(dataset, options.data)
  const evaluation = closingEvaluation(options, dataset, library, session)
  const runDir = await openRunFolder(options, `finetune-${arch}-${dataset}`)
  terminal.log(`Fine-tuning ${options.ticket} on ${dataset}; the run folder is ${runDir}.`)

  const before = await evaluation.run('before', start, data.test)
  // The ticket is on a device already.
  const {
    device: _device,
    threads: _threads,
    ...shared
  } = trainingOptions(options, data, runDir, library, session)
  const { ticket } = await withProgress('finetune', runDir, session, onProgress =>
    library.finetune({
      ...shared,
      ticket: start,
      weights,
      onProgress,
    }),
  )
  const path = await resultPath(runDir, 'ticket')
  await ticket.save(path)

  const after = await evaluation.run('after', ticket, data.test)
  printWarnings(after, session)
  await writeEvaluations(runDir, { before, after })
  await saveWithAccuracies(ticket, path, after)
  const seconds = session.seconds()
  terminal.result(
    [...evaluationLines({ before, after }), `${formatDuration(seconds)}`, `ticket saved to ${path}`],
    dated({
      ticket: path,
      ...accuraciesOf(after),
      remainingRatio,
      parameters: ticket.parameters,
      seconds,
      before: accuraciesOf(before),
      provenance: after.provenance,
    }),
  )
}
