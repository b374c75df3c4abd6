// The options of the commands, each defined once.
import { type Command, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import { type DeviceName, deviceNames, isDeviceName } from '../inputs/device-name.ts'
import { initialisations } from '../nn/initialisation.ts'
import { patterns } from '../nn/pattern.ts'
import {
  integerFrom,
  numberFrom,
  oneOf,
  optionName,
  type Parser,
  parseEps,
  parseLimit,
  parseRatio,
  parseText,
} from './values.ts'

export const innerAttackNames = ['pgd', 'fgsm', 'fgsm-rs', 'free', 'none'] as const
export const datasetNames = ['cifar10', 'cifar100', 'mnist', 'fashion-mnist'] as const
const selections = ['validation', 'test', 'last'] as const
const schedules = ['step', 'cosine', 'constant'] as const

/** Options that a command reads, by their names in the API. Those without a default may be missing. */
export interface OutputOptions {
  config?: string
  json?: boolean
  quiet?: boolean
  color: boolean
}

export interface DeviceOptions {
  device: DeviceName
  threads?: number
  seed: number
}

export interface RunOptions extends OutputOptions, DeviceOptions {
  data?: string
  out?: string
  resume?: boolean
  checkpointMinutes: number
  attack: (typeof innerAttackNames)[number]
  eps?: number
  stepSize?: number
  steps?: number
  epochs: number
  batchSize: number
  lr: number
  momentum: number
  weightDecay: number
  labelSmoothing: number
  schedule: (typeof schedules)[number]
  warmupEpochs: number
  selectOn: (typeof selections)[number]
  selectEvery: number
  validationImages?: number
  augment: boolean
  limit: number | 'all'
  dataSeed?: number
  evalLimit: number | 'all'
  evalEps?: number
  evalStepSize?: number
  evalSteps: number
}

export interface NetworkOptions {
  arch: string
  dataset: string
  width: number
}

export interface MaskOptions {
  ratio: number
  pattern: (typeof patterns)[number]
  init: (typeof initialisations)[number]
  weightSeed?: number
  scoreSeed?: number
  from?: string
  reinitClassifier?: boolean
}

export type LayersOptions = OutputOptions & { ticket?: string } & Partial<
    NetworkOptions & Pick<MaskOptions, 'ratio' | 'pattern'>
  >

const parseDevice: Parser<DeviceName> = (text, flag) => {
  if (isDeviceName(text)) return text
  throw new ConfigError(
    `Expected one of ${deviceNames()} for ${flag} but received '${text}'.`,
    optionName(flag),
  )
}

export function option<T>(flags: string, description: string, parse: Parser<T>, defaultValue?: T): Option {
  const made = new Option(flags, description)
  made.argParser(text => parse(text, made.long!))
  return defaultValue === undefined ? made : made.default(defaultValue)
}

export function addOutputOptions(command: Command): Command {
  return command
    .addOption(option('--config <file>', 'YAML or JSON file of these options; flags override it', parseText))
    .addOption(new Option('--json', 'print one JSON object as the last line of standard output'))
    .addOption(new Option('--quiet', 'print no progress'))
    .addOption(new Option('--no-color', 'print without colours, as NO_COLOR=1 does'))
}

export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(
      option('--device <device>', `${deviceNames()}; auto takes the best there is`, parseDevice, 'auto'),
    )
    .addOption(
      option(
        '--threads <n>',
        'threads of the CPU (default: all cores); no influence on results',
        integerFrom(1, 1024),
      ),
    )
    .addOption(option('--seed <n>', 'seed of every random draw', integerFrom(0), 0))
}

export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(archOption().default('preact-resnet18'))
    .addOption(widthOption().default(1))
    .addOption(datasetOption().default('cifar10'))
}

const archOption = () =>
  option(
    '--arch <name>',
    'preact-resnet18, resnet18-cifar, wide-resnet-34-10, conv2, conv4, conv6, …',
    parseText,
  )
const widthOption = () =>
  option('--width <factor>', "multiplier of every layer's channels", numberFrom(0, 64, 'above'))
const datasetOption = () => option('--dataset <name>', datasetNames.join(', '), oneOf(datasetNames))
const ratioOption = () =>
  option('--ratio <share>', 'share of weights kept in each layer, above 0 to 1', parseRatio)
const patternOption = () =>
  option('--pattern <name>', `what is kept or dropped together: ${patterns.join(', ')}`, oneOf(patterns))

export function addMaskOptions(command: Command): Command {
  return command
    .addOption(ratioOption().default(0.05))
    .addOption(patternOption().default('element'))
    .addOption(
      option('--init <name>', initialisations.join(', '), oneOf(initialisations), 'signed-kaiming-constant'),
    )
    .addOption(option('--weight-seed <n>', 'seed of the weights (default: --seed)', integerFrom(0)))
    .addOption(option('--score-seed <n>', 'seed of the scores (default: --seed)', integerFrom(0)))
    .addOption(
      option(
        '--from <file>',
        'search over the weights of this model, saved by rst train, instead of random ones (RTT)',
        parseText,
      ),
    )
    .option('--reinit-classifier', 'with --from: draw the last layer anew, for a data set of other classes')
}

export function addTrainingOptions(command: Command): Command {
  return command
    .addOption(
      option(
        '--data <dir>',
        'folder of the data set (default: the usual places, see rst data list)',
        parseText,
      ),
    )
    .addOption(
      option(
        '--attack <name>',
        `attack to train against: ${innerAttackNames.join(', ')}`,
        oneOf(innerAttackNames),
        'pgd',
      ),
    )
    .addOption(
      option(
        '--eps <size>',
        'L∞ size of the perturbation, pixels in [0, 1] (default: 8/255; 0.1 for mnist and fashion-mnist)',
        parseEps,
      ),
    )
    .addOption(
      option(
        '--step-size <size>',
        'step of the attack (default: eps/4 for pgd, 1.25·eps for fgsm and fgsm-rs, eps for free)',
        parseEps,
      ),
    )
    .addOption(
      option('--steps <n>', 'steps of pgd (default: 7), replays of free (default: 4)', integerFrom(1)),
    )
    .addOption(option('--epochs <n>', 'passes over the training images', integerFrom(1), 160))
    .addOption(option('--batch-size <n>', 'images a step', integerFrom(2, 65536), 256))
    .addOption(option('--lr <rate>', 'learning rate', numberFrom(0, undefined, 'above'), 0.1))
    .addOption(option('--momentum <share>', 'momentum of SGD, 0 to 1', numberFrom(0, 1), 0.9))
    .addOption(option('--weight-decay <factor>', 'weight decay of SGD', numberFrom(0), 5e-4))
    .addOption(option('--label-smoothing <share>', 'label smoothing, 0 to 0.999', numberFrom(0, 0.999), 0))
    .addOption(
      option(
        '--schedule <name>',
        'learning rate: step (× 0.1 at 1/2 and 3/4 of the run), cosine, constant',
        oneOf(schedules),
        'step',
      ),
    )
    .addOption(
      option('--warmup-epochs <n>', 'epochs in which the learning rate rises from 0', numberFrom(0), 0),
    )
    .addOption(
      option(
        '--select-on <images>',
        'where the epoch to keep is chosen, by PGD-20: validation (images held out of training), test (as the paper; flatters the result), last (the last epoch)',
        oneOf(selections),
        'validation',
      ),
    )
    .addOption(option('--select-every <n>', 'epochs between two choices', integerFrom(1), 3))
    .addOption(
      option('--validation-images <n>', 'images held out (default: 1000, at most a tenth)', integerFrom(1)),
    )
    .addOption(new Option('--no-augment', 'train without random crops and flips'))
    .addOption(option('--limit <n>', 'train on a seeded subset of n images, or all', parseLimit, 'all'))
    .addOption(
      option(
        '--data-seed <n>',
        'seed of the images: subsets, images held out, order (default: --seed)',
        integerFrom(0),
      ),
    )
    .addOption(option('--eval-limit <n>', 'test images of the closing evaluation, or all', parseLimit, 1000))
    .addOption(option('--eval-eps <size>', 'L∞ size of its PGD attack (default: --eps)', parseEps))
    .addOption(option('--eval-step-size <size>', 'its step (default: eval-eps/4)', parseEps))
    .addOption(option('--eval-steps <n>', 'its steps', integerFrom(1), 20))
    .addOption(option('--out <dir>', 'run folder (default: runs/<command>-<arch>-<dataset>-<n>)', parseText))
    .addOption(new Option('--resume', 'continue the run in --out from its newest checkpoint'))
    .addOption(
      option(
        '--checkpoint-minutes <n>',
        'minutes between two checkpoints at most; 0: only at the end of each epoch',
        numberFrom(0, 1e6),
        10,
      ),
    )
}

export function addTicketOption(command: Command): Command {
  return command
    .argument('[ticket]', 'ticket file, as --ticket')
    .addOption(option('--ticket <file>', 'ticket file (required)', parseText))
}

/** Whose layers doctor shows: those of --ticket, or of --arch and the others. */
export function addLayersOptions(command: Command): Command {
  command
    .argument('[ticket]', 'ticket file, as --ticket')
    .addOption(option('--ticket <file>', 'show how the layers of this ticket are computed', parseText))
  for (const made of [archOption(), widthOption(), datasetOption(), ratioOption(), patternOption()])
    command.addOption(made)
  return command
}

export function addWeightsOption(command: Command): Command {
  return command.addOption(
    option(
      '--weights <start>',
      'inherit: train on from the ticket’s weights; reinit: draw them anew',
      oneOf(['inherit', 'reinit'] as const),
      'inherit',
    ),
  )
}

export function addDatasetOption(command: Command): Command {
  return command.addOption(
    option(
      '--dataset <name>',
      `${datasetNames.join(', ')} (default: told from the files)`,
      oneOf(datasetNames),
    ),
  )
}
