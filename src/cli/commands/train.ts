// rst train
import { Command } from 'commander'
import { datasets } from '../../data/datasets.ts'
import { closingEvaluation, evaluationLines, printWarnings, writeEvaluations } from '../closing-evaluation.ts'
import { formatDuration } from '../format.ts'
import { checkTrainingFlags } from '../inner-attack.ts'
import { accuraciesOf } from '../measurements.ts'
import {
  addDeviceOptions,
  addNetworkOptions,
  addOutputOptions,
  addTrainingOptions,
  type NetworkOptions,
  type RunOptions,
} from '../options.ts'
import { dated } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { openRunFolder, resultPath, trainingOptions, withProgress } from '../training-run.ts'

type Options = RunOptions & NetworkOptions

export function trainCommand(context: Context): Command {
  const command = new Command('train')
    .summary('train a dense network, the baseline')
    .description('Train all weights of a dense network against an attack, or naturally with --attack none.')
    .addHelpText(
      'after',
      '\nExample:\n  $ rst train --arch resnet18-cifar --width 0.25 --attack none --epochs 10',
    )
  for (const add of [addNetworkOptions, addTrainingOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<Options>(context, train, checkTrainingFlags))
}

async function train(options: Options, session: Session): Promise<void> {
  const { terminal } = session
  const library = await session.loadLibrary()
  const arch = library.models.canonicalName(options.arch)
  const data = await datasets.open(options.dataset, options.data)
  const evaluation = closingEvaluation(options, options.dataset, library, session)
  const runDir = await openRunFolder(options, `train-${arch}-${options.dataset}`)
  terminal.log(`Training ${arch} on ${options.dataset}; the run folder is ${runDir}.`)

  const { model } = await withProgress('train', runDir, session, onProgress =>
    library.trainDense({
      ...trainingOptions(options, data, runDir, library, session),
      arch,
      width: options.width,
      onProgress,
    }),
  )
  const path = await resultPath(runDir, 'model')
  await model.save(path)

  const result = await evaluation.run('model', model, data.test)
  printWarnings(result, session)
  await writeEvaluations(runDir, { model: result })
  const seconds = session.seconds()
  terminal.result(
    [...evaluationLines({ model: result }), `${formatDuration(seconds)}`, `model saved to ${path}`],
    dated({
      checkpoint: path,
      ...accuraciesOf(result),
      seconds,
      provenance: result.provenance,
    }),
  )
}
