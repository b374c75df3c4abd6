// rst search
import { Command } from 'commander'
import { datasets } from '../../data/datasets.ts'
import type { SearchOptions } from '../../training/options.ts'
import { closingEvaluation, evaluationLines, printWarnings, writeEvaluations } from '../closing-evaluation.ts'
import { formatCount, formatDuration, formatPercent } from '../format.ts'
import { checkTrainingFlags } from '../inner-attack.ts'
import { accuraciesOf } from '../measurements.ts'
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
import { dated } from '../provenance-lines.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import {
  openRunFolder,
  resultPath,
  saveWithAccuracies,
  trainingOptions,
  withProgress,
} from '../training-run.ts'

type Options = RunOptions & NetworkOptions & MaskOptions

export function searchCommand(context: Context): Command {
  const command = new Command('search')
    .summary('search a robust scratch ticket')
    .description(
      'Search, in a network whose random weights are never trained, the subnetwork that is robust to an attack. Saves the ticket and compares it with a random mask of the same ratio.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ rst search --arch conv4 --dataset fashion-mnist --ratio 0.3 --attack fgsm-rs --epochs 3 --seed 0\n  $ rst search --from runs/trained/model.safetensors --arch conv4 --dataset fashion-mnist --ratio 0.3',
    )
  for (const add of [
    addNetworkOptions,
    addMaskOptions,
    addTrainingOptions,
    addDeviceOptions,
    addOutputOptions,
  ])
    add(command)
  return command.action(runCommand<Options>(context, search, checkTrainingFlags))
}

async function search(options: Options, session: Session): Promise<void> {
  const { terminal } = session
  const library = await session.loadLibrary()
  const arch = library.models.canonicalName(options.arch)
  const data = await datasets.open(options.dataset, options.data)
  const evaluation = closingEvaluation(options, options.dataset, library, session)
  const runDir = await openRunFolder(options, `search-${arch}-${options.dataset}`)
  terminal.log(`Searching in ${arch} on ${options.dataset}; the run folder is ${runDir}.`)

  const { ratio, pattern, init, weightSeed, scoreSeed, width, reinitClassifier, device, threads } = options
  const from =
    options.from === undefined ? undefined : await library.loadDense(options.from, { device, threads })
  const searchOptions: SearchOptions = {
    ...trainingOptions(options, data, runDir, library, session),
    arch,
    width,
    remainingRatio: ratio,
    pattern,
    init,
    weightSeed,
    scoreSeed,
    ...(from && { from }),
    reinitClassifier,
  }
  const { ticket } = await withProgress('search', runDir, session, onProgress =>
    library.searchRST({ ...searchOptions, onProgress }),
  )
  const path = await resultPath(runDir, 'ticket')
  await ticket.save(path)

  const ofTicket = await evaluation.run('ticket', ticket, data.test)
  const random = await library.randomTicket({ ...searchOptions, runDir: undefined, resume: false })
  const ofRandom = await evaluation.run('random mask', random, data.test)
  printWarnings(ofTicket, session)
  await writeEvaluations(runDir, { ticket: ofTicket, randomMask: ofRandom })
  await saveWithAccuracies(ticket, path, ofTicket)
  const { kept, total } = ticket.parameters
  const seconds = session.seconds()
  terminal.result(
    [
      ...evaluationLines({ ticket: ofTicket, 'random mask': ofRandom }),
      `${formatCount(kept)} of ${formatCount(total)} weights kept (${formatPercent(kept / total)}), ${formatDuration(seconds)}`,
      `ticket saved to ${path}`,
    ],
    dated({
      ticket: path,
      ...accuraciesOf(ofTicket),
      remainingRatio: ratio,
      parameters: ticket.parameters,
      seconds,
      randomMask: accuraciesOf(ofRandom),
      provenance: ofTicket.provenance,
    }),
  )
}
