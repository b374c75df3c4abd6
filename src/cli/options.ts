// The options of the commands, each defined once.
import { type Command, Option } from 'commander'
import { pgdRows } from '../attacks/pgd.ts'
import { innerAttackCommands } from '../attacks/table.ts'
import { catalogue } from '../data/catalogue.ts'
import { ConfigError } from '../errors.ts'
import { type DeviceName, deviceNames, isDeviceName, packagedBackends } from '../inputs/device-name.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import type { Rows } from '../inputs/rows.ts'
import { finetuneRows } from '../training/finetune.ts'
import { searchRows, trainingRows } from '../training/option-rows.ts'
import type { SearchOptions, TrainingOptions } from '../training/options.ts'
import { type Schedule, scheduleKinds, scheduleRows } from '../training/schedule.ts'
import { innerFlags, innerReaders } from './inner-readers.ts'
import { takersOf } from './named-attack.ts'
import { bareFlag, rowFlag, sharedFlag } from './row-flags.ts'
import { oneOf, optionName, type Parser, parseEps, parseLimit, parseText } from './values.ts'

const innerAttackNames: readonly string[] = Object.keys(innerReaders)
export const datasetNames: readonly string[] = Object.keys(catalogue)

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

/** Options of a training that have a default. */
type Filled = Required<
  Pick<
    TrainingOptions,
    | 'epochs'
    | 'batchSize'
    | 'lr'
    | 'momentum'
    | 'weightDecay'
    | 'labelSmoothing'
    | 'selectOn'
    | 'selectEvery'
    | 'augment'
    | 'checkpointMinutes'
  >
>

export interface RunOptions
  extends OutputOptions,
    DeviceOptions,
    Filled,
    Pick<TrainingOptions, 'validationImages' | 'dataSeed' | 'resume'> {
  data?: string
  out?: string
  attack: string
  eps?: number
  stepSize?: number
  steps?: number
  schedule: Schedule['kind']
  warmupEpochs: number
  limit: number | 'all'
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

export interface MaskOptions
  extends Required<Pick<SearchOptions, 'pattern' | 'init'>>,
    Pick<SearchOptions, 'weightSeed' | 'scoreSeed' | 'reinitClassifier'> {
  ratio: number
  from?: string
}

export type LayersOptions = OutputOptions & { ticket?: string } & Partial<
    NetworkOptions & Pick<MaskOptions, 'ratio' | 'pattern'>
  >

const parseDevice: Parser<DeviceName> = Object.assign(
  (text: string, flag: string) => {
    if (isDeviceName(text)) return text
    const meant = ['gpu', 'nvidia'].includes(text) ? 'cuda' : text
    throw new ConfigError(
      `Expected one of ${deviceNames()} for ${flag} but received '${text}'${didYouMean(meant, packagedBackends) || '.'}`,
      optionName(flag),
    )
  },
  { words: ['auto', 'cpu', ...packagedBackends] },
)

export function option<T>(flags: string, description: string, parse: Parser<T>, defaultValue?: T): Option {
  const made = new Option(flags, description)
  made.argParser(text => parse(text, made.long!))
  if (parse.words !== undefined) made.argChoices = [...parse.words]
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
    .addOption(rowFlag(trainingRows.threads, trainingRows))
    .addOption(rowFlag(trainingRows.seed, trainingRows))
}

/** Every option of the rows that has a flag. */
function addRows(command: Command, rows: Rows, beside: Rows = rows): void {
  for (const row of Object.values(rows)) if (row.flag !== undefined) command.addOption(rowFlag(row, beside))
}

// Of all trainings: these two commands have further options of the network and of the device.
const { arch, width, seed: _seed, threads: _threads, ...ownRows } = trainingRows
const { remainingRatio, pattern } = searchRows
const maskRows = Object.fromEntries(
  Object.entries(searchRows).filter(([name]) => !(name in trainingRows) && name !== 'remainingRatio'),
)

const datasetOption = () => option('--dataset <name>', datasetNames.join(', '), oneOf(datasetNames))

export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(rowFlag(arch, trainingRows).default('preact-resnet18', 'preact-resnet18'))
    .addOption(rowFlag(width, trainingRows))
    .addOption(datasetOption().default('cifar10', 'cifar10'))
}

export function addMaskOptions(command: Command): Command {
  command.addOption(rowFlag(remainingRatio, searchRows).default(0.05))
  addRows(command, maskRows, { ...searchRows, from: { ...searchRows.from, flag: 'from' } })
  return command.addOption(
    option(
      '--from <file>',
      'search over the weights of this model, saved by rst train, instead of random ones (RTT)',
      parseText,
    ),
  )
}

export function addTrainingOptions(command: Command): Command {
  command
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
      ).default('pgd', 'pgd'),
    )
    .addOption(
      option(
        '--eps <size>',
        'L∞ size of the perturbation, pixels in [0, 1] (default: 8/255; 0.1 for mnist and fashion-mnist)',
        parseEps,
      ),
    )
  for (const [flag, takers] of takersOf(innerAttackCommands)) {
    if (innerFlags.includes(flag)) command.addOption(sharedFlag(takers, innerAttackNames.length, parseEps))
  }
  addRows(command, ownRows, trainingRows)
  return command
    .addOption(
      option(
        '--schedule <name>',
        `learning rate: step (× ${scheduleRows.step.gamma.default} at 1/2 and 3/4 of the run), ${scheduleKinds.slice(1).join(', ')}`,
        oneOf(scheduleKinds),
      ).default('step', 'step'),
    )
    .addOption(rowFlag({ ...scheduleRows.step.warmupEpochs, flag: 'warmupEpochs' }, {}))
    .addOption(
      option('--limit <n>', 'train on a seeded subset of n images, or all', parseLimit).default('all', 'all'),
    )
    .addOption(option('--eval-limit <n>', 'test images of the closing evaluation, or all', parseLimit, 1000))
    .addOption(option('--eval-eps <size>', 'L∞ size of its PGD attack (default: --eps)', parseEps))
    .addOption(option('--eval-step-size <size>', 'its step (default: eval-eps/4)', parseEps))
    .addOption(rowFlag({ ...pgdRows.steps, flag: 'evalSteps', help: 'its steps' }, {}))
    .addOption(option('--out <dir>', 'run folder (default: runs/<command>-<arch>-<dataset>-<n>)', parseText))
    .addOption(new Option('--resume', 'continue the run in --out from its newest checkpoint'))
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
  for (const row of [arch, width, remainingRatio, pattern]) command.addOption(bareFlag(row, searchRows))
  return command.addOption(datasetOption())
}

export function addWeightsOption(command: Command): Command {
  return command.addOption(rowFlag(finetuneRows.weights, finetuneRows))
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
