// rst search
import { Command } from 'commander'
import * as models from '../../models/index.ts'
import { search } from '../../runs/search.ts'
import { evaluationLines } from '../evaluation-lines.ts'
import { formatCount, formatDuration, formatPercent } from '../format.ts'
import { addExamples } from '../help.ts'
import { checkTrainingFlags } from '../inner-attack.ts'
import {
  addDeviceOptions,
  addMaskOptions,
  addNetworkOptions,
  addOutputOptions,
  addTrainingOptions,
  type MaskOptions,
  type NetworkOptions,
  type RunOptions,
} from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { trainingOptions, withTraining } from '../training-options.ts'

type Options = RunOptions & NetworkOptions & MaskOptions

export function searchCommand(context: Context): Command {
  const command = new Command('search')
    .summary('search a robust scratch ticket')
    .description(
      'Search, in a network whose random weights are never trained, the subnetwork that is robust to an attack. Saves the ticket and compares it with a random mask of the same ratio.',
    )
  addExamples(command, {
    'three passes over Fashion-MNIST':
      'rst search --dataset fashion-mnist --arch conv4 --ratio 0.3 --attack fgsm-rs --epochs 3 --out runs/rst-30',
    'go on after Ctrl-C': 'rst search --resume --out runs/rst-30',
    'within trained weights instead of random ones':
      'rst search --from runs/trained/model.safetensors --arch conv4 --dataset fashion-mnist --ratio 0.3',
  })
  for (const add of [
    addNetworkOptions,
    addMaskOptions,
    addTrainingOptions,
    addDeviceOptions,
    addOutputOptions,
  ])
    add(command)
  return command.action(runCommand<Options>(context, searchTicket, checkTrainingFlags))
}

async function searchTicket(options: Options, session: Session): Promise<void> {
  const { ratio, pattern, init, weightSeed, scoreSeed, width, from, reinitClassifier, device, threads } =
    options
  const arch = models.canonicalName(options.arch)
  const begin = `Searching in ${arch}`
  const { report, evaluations } = await withTraining(options, session, begin, events =>
    search({
      ...trainingOptions(options),
      ...events,
      arch,
      width,
      remainingRatio: ratio,
      pattern,
      init,
      weightSeed,
      scoreSeed,
      from,
      reinitClassifier,
      device,
      threads,
    }),
  )
  const { ticket, parameters, seconds } = report
  const { kept, total } = parameters
  session.terminal.result(
    [
      ...evaluationLines({ ticket: evaluations.ticket, 'random mask': evaluations.randomMask }),
      `${formatCount(kept)} of ${formatCount(total)} weights kept (${formatPercent(kept / total)}), ${formatDuration(seconds)}`,
      `ticket saved to ${ticket}`,
    ],
    report,
  )
}
