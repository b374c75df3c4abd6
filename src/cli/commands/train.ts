// rst train
import { Command } from 'commander'
import * as models from '../../models/index.ts'
import { train } from '../../runs/train.ts'
import { evaluationLines } from '../evaluation-lines.ts'
import { formatDuration } from '../format.ts'
import { addExamples } from '../help.ts'
import { checkTrainingFlags } from '../inner-attack.ts'
import {
  addDeviceOptions,
  addNetworkOptions,
  addOutputOptions,
  addTrainingOptions,
  type NetworkOptions,
  type RunOptions,
} from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { trainingOptions, withTraining } from '../training-options.ts'

type Options = RunOptions & NetworkOptions

export function trainCommand(context: Context): Command {
  const command = new Command('train')
    .summary('train a dense network, the baseline')
    .description('Train all weights of a dense network against an attack, or naturally with --attack none.')
  addExamples(command, {
    'naturally, ten passes over CIFAR-10':
      'rst train --arch resnet18-cifar --width 0.25 --attack none --epochs 10',
    'against PGD, as the search does it':
      'rst train --arch resnet18-cifar --attack pgd --eps 8/255 --out runs/dense',
  })
  for (const add of [addNetworkOptions, addTrainingOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<Options>(context, trainModel, checkTrainingFlags))
}

async function trainModel(options: Options, session: Session): Promise<void> {
  const { width, device, threads } = options
  const arch = models.canonicalName(options.arch)
  const begin = `Training ${arch}`
  const { report, evaluations } = await withTraining(options, session, begin, events =>
    train({ ...trainingOptions(options), ...events, arch, width, device, threads }),
  )
  session.terminal.result(
    [
      ...evaluationLines(evaluations),
      `${formatDuration(report.seconds)}`,
      `model saved to ${report.checkpoint}`,
    ],
    report,
  )
}
