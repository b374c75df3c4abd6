// The options of the commands that attack what is saved: eval, transfer and r2s.
import { type Command, Option } from 'commander'
import { type DeviceOptions, datasetNames, type OutputOptions, option } from './options.ts'
import { integerFrom, listOf, listOfTexts, oneOf, parseEps, parseLimit, parseText } from './values.ts'

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
] as const
export const adversaryNames = ['random', 'eot', 'ensemble-logits', 'ensemble-probs', 'arc'] as const

export interface EvaluationOptions extends OutputOptions, DeviceOptions {
  ticket?: string
  dataset?: string
  data?: string
  out?: string
  attack: (typeof evaluationAttackNames)[number][]
  eps?: number
  stepSize?: number
  steps?: number
  restarts: number
  queries?: number
  norm: 'linf' | 'l2'
  limit: number | 'all'
  batchSize: number
  save?: string
}

export interface TransferOptions extends OutputOptions, DeviceOptions {
  tickets?: string[]
  dataset?: string
  data?: string
  out?: string
  eps?: number
  norm: 'linf' | 'l2'
  stepSize?: number
  steps: number
  restarts: number
  onlyCorrect?: boolean
  limit: number | 'all'
  batchSize: number
}

export interface R2SOptions extends TransferOptions {
  adversary: (typeof adversaryNames)[number]
  simulate?: number
}

export function addEvaluationOptions(command: Command): Command {
  addTestImagesOptions(command).addOption(
    option(
      '--attack <names>',
      `attacks, separated by commas: ${evaluationAttackNames.join(', ')}; autoattack is the standard version and takes thousands of passes an image`,
      listOf(evaluationAttackNames),
      ['pgd'],
    ),
  )
  return addBudgetOptions(
    command,
    'step of the attack (default: eps/4 for pgd and cw-linf, 2.5·eps/steps for l2, 1.25·eps for fgsm and fgsm-rs)',
    'random restarts of pgd, cw-linf, apgd, fab, fab-t and square',
  )
    .addOption(
      option(
        '--steps <n>',
        'steps (default: 20 for pgd and cw-linf, 100 for each run of apgd, fab and fab-t, 10000 for each constant of cw-l2)',
        integerFrom(1),
      ),
    )
    .addOption(
      option(
        '--queries <n>',
        'queries for each image of square (default: 5000) and bandits (default: 10000)',
        integerFrom(1),
      ),
    )
    .addOption(option('--out <dir>', 'folder to write evaluation.json to', parseText))
    .addOption(
      option(
        '--save <dir>',
        'folder to write adversarial images to, one safetensors file an attack: images, labels, results',
        parseText,
      ),
    )
}

export function addTransferOptions(command: Command): Command {
  return addSwitchOptions(
    command,
    'step of pgd (default: eps/4, 2.5·eps/steps for l2)',
    'move only images that the attacked ticket still gets right, as the official code',
  ).addOption(option('--out <dir>', 'folder to write transfer.json to', parseText))
}

export function addR2SOptions(command: Command): Command {
  return addSwitchOptions(
    command,
    'step of the adversary (default: eps/4, 2.5·eps/steps for l2; eps for arc)',
    'of random: move only images that the attacked ticket still gets right, as the official code',
  )
    .addOption(
      option(
        '--adversary <name>',
        `random (pgd on one ticket), or one that knows all tickets: ${adversaryNames.slice(1).join(', ')}`,
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
    .addOption(option('--out <dir>', 'folder to write r2s.json to', parseText))
}

function addSwitchOptions(command: Command, stepSize: string, onlyCorrect: string): Command {
  command.addOption(option('--tickets <files>', 'ticket files, separated by commas (required)', listOfTexts))
  addTestImagesOptions(command)
  return addBudgetOptions(command, stepSize, 'random restarts')
    .addOption(option('--steps <n>', 'steps of the attack', integerFrom(1), 20))
    .addOption(new Option('--only-correct', onlyCorrect))
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
function addBudgetOptions(command: Command, stepSize: string, restarts: string): Command {
  return command
    .addOption(
      option(
        '--eps <size>',
        'size of the perturbation, pixels in [0, 1] (default: 8/255; 0.1 for mnist and fashion-mnist; required for l2)',
        parseEps,
      ),
    )
    .addOption(option('--norm <name>', 'linf, l2', oneOf(['linf', 'l2'] as const), 'linf'))
    .addOption(option('--step-size <size>', stepSize, parseEps))
    .addOption(option('--restarts <n>', restarts, integerFrom(1), 1))
    .addOption(
      option('--limit <n>', 'evaluate on a seeded subset of n test images, or all', parseLimit, 1000),
    )
    .addOption(
      option('--batch-size <n>', 'images at once; no influence on results', integerFrom(1, 65536), 256),
    )
}
