// The options of the commands that attack what is saved: eval, transfer and r2s.
import { type Command, Option } from 'commander'
import type { UntargetedLoss } from '../attacks/frame/losses.ts'
import { normRow } from '../attacks/frame/threat-model.ts'
import { attackCommands } from '../attacks/table.ts'
import { adversaryCommands } from '../r2s/adversary-table.ts'
import { takersOf } from './named-attack.ts'
import { type DeviceOptions, datasetNames, type OutputOptions, option } from './options.ts'
import { rowFlag, sharedFlag } from './row-flags.ts'
import { integerFrom, listOf, listOfTexts, oneOf, parseLimit, parseRadius, parseText } from './values.ts'

export const evaluationAttackNames: readonly string[] = Object.keys(attackCommands)
export const adversaryNames: readonly string[] = ['random', ...Object.keys(adversaryCommands)]

/** What an attack may do, and to how many images. */
export interface AttackOptions extends OutputOptions, DeviceOptions {
  dataset?: string
  data?: string
  out?: string
  eps?: number
  norm: 'linf' | 'l2'
  loss?: UntargetedLoss
  stepSize?: number
  steps?: number
  restarts?: number
  queries?: number
  onlyCorrect?: boolean
  limit?: number | 'all'
  first?: number
  dataSeed?: number
  attackSeed?: number
  batchSize?: number
  resume?: boolean
}

export interface EvaluationOptions extends AttackOptions {
  ticket?: string
  model?: string
  attack: string[]
  save?: string
}

export interface TransferOptions extends AttackOptions {
  tickets?: string[]
  attack: string
}

export interface R2SOptions extends TransferOptions {
  adversary: string
  simulate?: number
  singles?: boolean
}

/** Keeps what is done. */
const outOption = (files: string) =>
  option(
    '--out <dir>',
    `folder to write ${files} to; it keeps what is done, so that an evaluation can be resumed`,
    parseText,
  )
const resumeOption = () =>
  new Option('--resume', 'continue the interrupted evaluation in --out, to the same result')

const autoAttackNote = 'autoattack is the standard version and takes thousands of passes an image'

export function addEvaluationOptions(command: Command): Command {
  command
    .argument('[ticket]', 'ticket file, as --ticket')
    .addOption(option('--ticket <file>', 'ticket file', parseText))
    .addOption(
      option('--model <file>', 'in place of --ticket: a dense model that rst train saved', parseText),
    )
  addTestImagesOptions(command).addOption(
    option(
      '--attack <names>',
      `attacks, separated by commas: ${evaluationAttackNames.join(', ')}; ${autoAttackNote}`,
      listOf(evaluationAttackNames),
      ['pgd'],
    ),
  )
  return addAttackSettings(command, attackCommands, { without: ['onlyCorrect'] })
    .addOption(outOption('evaluation.json and images.csv'))
    .addOption(resumeOption())
    .addOption(
      option(
        '--save <dir>',
        'folder to write adversarial images to, for each attack a safetensors file (images, labels, results) and a picture of some',
        parseText,
      ),
    )
}

export function addTransferOptions(command: Command): Command {
  return addSwitchOptions(command, 'attack on each ticket', attackCommands)
    .addOption(outOption('transfer.json'))
    .addOption(resumeOption())
}

export function addR2SOptions(command: Command): Command {
  return addSwitchOptions(command, 'of random: attack on each ticket', {
    ...attackCommands,
    ...adversaryCommands,
  })
    .addOption(
      option(
        '--adversary <name>',
        `random (an attack on one ticket), or one that knows all tickets: ${adversaryNames.slice(1).join(', ')}`,
        oneOf(adversaryNames),
        'random',
      ),
    )
    .addOption(
      option(
        '--simulate <draws>',
        'of random: draw so many pairs of tickets an image instead of computing the expectation',
        integerFrom(1, 1e6),
      ),
    )
    .addOption(
      new Option(
        '--singles',
        'of adversaries that know all tickets: attack each ticket alone too, and compare the switch with the best (random does so anyway)',
      ),
    )
    .addOption(outOption('r2s.json'))
    .addOption(resumeOption())
}

function addSwitchOptions(command: Command, attack: string, all: Named): Command {
  command
    .argument('[tickets...]', 'ticket files, as --tickets')
    .addOption(option('--tickets <files>', 'ticket files, separated by commas (required)', listOfTexts))
  addTestImagesOptions(command).addOption(
    option(
      '--attack <name>',
      `${attack}: ${evaluationAttackNames.join(', ')}; ${autoAttackNote}`,
      oneOf(evaluationAttackNames),
      'pgd',
    ),
  )
  return addAttackSettings(command, all)
}

function addTestImagesOptions(command: Command): Command {
  return command
    .addOption(
      option('--dataset <name>', `${datasetNames.join(', ')} (default: the ticket's)`, oneOf(datasetNames)),
    )
    .addOption(
      option(
        '--data <dir>',
        'folder of the data set (default: the usual places, see rst data list)',
        parseText,
      ),
    )
}

type Named = Parameters<typeof takersOf>[0]

/** What an attack may do, and to how many images. */
function addAttackSettings(
  command: Command,
  attacks: Named,
  { without = [] }: { without?: readonly string[] } = {},
): Command {
  command
    .addOption(
      option(
        '--eps <size>',
        'size of the perturbation, pixels in [0, 1] (default: 8/255; 0.1 for mnist and fashion-mnist; required for l2)',
        parseRadius,
      ),
    )
    .addOption(rowFlag({ ...normRow, flag: 'norm' }, {}))
  for (const [flag, takers] of takersOf(attacks)) {
    if (!without.includes(flag)) command.addOption(sharedFlag(takers, Object.keys(attacks).length))
  }
  return command
    .addOption(
      option(
        '--limit <n>',
        'evaluate on a seeded subset of n test images, or all (default: 1000)',
        parseLimit,
      ),
    )
    .addOption(
      option('--first <n>', 'in place of --limit: the first n test images, as RobustBench', integerFrom(1)),
    )
    .addOption(option('--data-seed <n>', 'seed of the subset (default: --seed)', integerFrom(0)))
    .addOption(option('--attack-seed <n>', 'seed of the attacks (default: --seed)', integerFrom(0)))
    .addOption(
      option(
        '--batch-size <n>',
        'images at once, without influence on results (default: up to 256, as memory allows)',
        integerFrom(1, 65536),
      ),
    )
}
