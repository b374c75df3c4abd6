// The options of the commands that attack what is saved: eval, transfer and r2s.
import { type Command, Option } from 'commander'
import { type UntargetedLoss, untargetedLosses } from '../attacks/frame/losses.ts'
import { type DeviceOptions, datasetNames, type OutputOptions, option } from './options.ts'
import { integerFrom, listOf, listOfTexts, oneOf, parseLimit, parseRadius, parseText } from './values.ts'

export const evaluationAttackNames = [
  'pgd',
  'fgsm',
  'fgsm-rs',
  'fab',
  'fab-t',
  'cw-linf',
  'cw-l2',
  'square',
  'bandits',
  'apgd-ce',
  'apgd-dlr',
  'apgd-t',
  'autoattack',
  'autoattack-plus',
] as const
export type EvaluationAttackName = (typeof evaluationAttackNames)[number]
export const adversaryNames = [
  'random',
  'eot',
  'eot-apgd',
  'ensemble-logits',
  'ensemble-probs',
  'arc',
] as const

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
  restarts: number
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
  attack: EvaluationAttackName[]
  save?: string
}

export interface TransferOptions extends AttackOptions {
  tickets?: string[]
  attack: EvaluationAttackName
}

export interface R2SOptions extends TransferOptions {
  adversary: (typeof adversaryNames)[number]
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
  return addAttackSettings(command)
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
  return addSwitchOptions(command, 'attack on each ticket')
    .addOption(outOption('transfer.json'))
    .addOption(resumeOption())
}

export function addR2SOptions(command: Command): Command {
  return addSwitchOptions(command, 'of random: attack on each ticket')
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

function addSwitchOptions(command: Command, attack: string): Command {
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
  return addAttackSettings(command).addOption(
    new Option(
      '--only-correct',
      'of pgd: move only images that the attacked ticket still gets right, as the official code',
    ),
  )
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

/** What an attack may do, and to how many images. */
function addAttackSettings(command: Command): Command {
  return command
    .addOption(
      option(
        '--eps <size>',
        'size of the perturbation, pixels in [0, 1] (default: 8/255; 0.1 for mnist and fashion-mnist; required for l2)',
        parseRadius,
      ),
    )
    .addOption(option('--norm <name>', 'linf, l2', oneOf(['linf', 'l2'] as const), 'linf'))
    .addOption(
      option(
        '--loss <name>',
        `of pgd: what it maximises, ${untargetedLosses.join(', ')} (default: ce)`,
        oneOf(untargetedLosses),
      ),
    )
    .addOption(
      option(
        '--step-size <size>',
        'step (default: eps/4 for pgd and cw-linf, 2.5·eps/steps for l2, 1.25·eps for fgsm and fgsm-rs, eps for arc)',
        parseRadius,
      ),
    )
    .addOption(
      option(
        '--steps <n>',
        'steps (default: 20 for pgd, cw-linf and adversaries that know all tickets, 100 for each run of apgd, fab and fab-t, 10000 for each constant of cw-l2)',
        integerFrom(1),
      ),
    )
    .addOption(option('--restarts <n>', 'random restarts of whatever starts at random', integerFrom(1), 1))
    .addOption(
      option(
        '--queries <n>',
        'queries for each image of square (default: 5000) and bandits (default: 10000)',
        integerFrom(1),
      ),
    )
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
