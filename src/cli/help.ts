// Help: options in groups, what most people need first, and examples, within 80 columns.
import { type Command, Option } from 'commander'
import { hasColours, styled } from './colours.ts'
import type { Io } from './terminal.ts'

/** Where a terminal is wider, longer lines would only be harder to read. */
const widest = 80

/** The options of all commands by their names, in the order in which help shows them. */
export const optionGroups: Readonly<Record<string, readonly string[]>> = {
  'Most used': [
    ...['ticket', 'tickets', 'model', 'arch', 'dataset', 'data', 'ratio', 'adversary', 'attack', 'eps'],
    ...['epochs', 'weights', 'limit', 'out', 'resume', 'save'],
  ],
  'Network and mask': ['width', 'pattern', 'init', 'from', 'reinitClassifier', 'weightSeed', 'scoreSeed'],
  'What the attack may do': [
    ...['norm', 'steps', 'stepSize', 'restarts', 'queries', 'loss', 'onlyCorrect'],
    ...['simulate', 'singles', 'attackSeed'],
  ],
  Training: [
    ...['lr', 'schedule', 'warmupEpochs', 'momentum', 'weightDecay', 'labelSmoothing'],
    ...['selectOn', 'selectEvery', 'checkpointMinutes'],
  ],
  'Closing evaluation': ['evalLimit', 'evalEps', 'evalStepSize', 'evalSteps'],
  Images: ['batchSize', 'first', 'augment', 'validationImages', 'dataSeed'],
  'Machine and seed': ['device', 'threads', 'seed'],
  General: ['config', 'json', 'quiet', 'color', 'version', 'help'],
}

const order = Object.values(optionGroups).flat()

/** Columns of help that is printed there. */
export function helpWidth({ columns = widest }: { readonly columns?: number }): number {
  return Math.min(columns, widest)
}

/** Puts the options of a command into their groups. */
export function groupOptions(command: Command): void {
  const headingOf = new Map(
    Object.entries(optionGroups).flatMap(([heading, names]) => names.map(name => [name, `${heading}:`])),
  )
  for (const option of command.options) {
    const heading = headingOf.get(option.attributeName())
    if (heading !== undefined) option.helpGroup(heading)
  }
  const options = command.options as Option[]
  options.sort((a, b) => order.indexOf(a.attributeName()) - order.indexOf(b.attributeName()))
  command.addHelpOption(new Option('-h, --help', 'print this help').helpGroup('General:'))
}

/**
 * Adds examples to a command's help, each runnable as it stands.
 * @param examples by what they do
 */
export function addExamples(command: Command, examples: Readonly<Record<string, string>>): Command {
  return command.addHelpText('after', ['', heading('Examples:'), ...exampleLines(examples)].join('\n'))
}

/** The same as lines. */
export function exampleLines(examples: Readonly<Record<string, string>>): string[] {
  return Object.entries(examples).flatMap(([what, line]) => [`  # ${what}`, ...folded(`  $ ${line}`)])
}

/** Commander takes the style away again where there are no colours. */
const heading = (text: string) => styled('bold', text)

/** A command line over several lines, as a shell takes them; flags keep their values. */
function folded(line: string): string[] {
  const lines: string[] = []
  for (const part of line.split(/ (?=--)/)) {
    const longer = lines.length === 0 ? part : `${lines.at(-1)} ${part}`
    if (longer.length <= widest - 2) lines.splice(-1, 1, longer)
    else lines.push(`      ${part}`)
  }
  return lines.map((part, i) => (i < lines.length - 1 ? `${part} \\` : part))
}

/** Settings of a program that its commands take over. @param color false with --no-color */
export function setUpHelp(program: Command, io: Io, color: boolean): void {
  const { stdout, stderr, env } = io
  program
    .configureOutput({
      writeOut: text => stdout.write(text),
      writeErr: text => stderr.write(text),
      getOutHelpWidth: () => helpWidth(stdout),
      getErrHelpWidth: () => helpWidth(stderr),
      getOutHasColors: () => color && hasColours(stdout, env),
      getErrHasColors: () => color && hasColours(stderr, env),
    })
    .configureHelp({ styleTitle: heading, optionDescription })
}

/** Commander's own would repeat the names that may be given. */
function optionDescription(option: Option): string {
  const { description, defaultValue, defaultValueDescription = String(defaultValue) } = option
  const takesValue = option.required || option.optional
  return takesValue && defaultValue !== undefined
    ? `${description} (default: ${defaultValueDescription})`
    : description
}
