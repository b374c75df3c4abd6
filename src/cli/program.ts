// The program: its commands, and how their errors become messages and exit codes.

import { Command, CommanderError } from 'commander'
import { ConfigError, RstError } from '../errors.ts'
import { version } from '../version.ts'
import { completeCommand, completionCommand } from './commands/completion.ts'
import { dataCommand } from './commands/data.ts'
import { doctorCommand } from './commands/doctor.ts'
import { evalCommand } from './commands/eval.ts'
import { finetuneCommand } from './commands/finetune.ts'
import { helpCommand } from './commands/help.ts'
import { infoCommand } from './commands/info.ts'
import { r2sCommand } from './commands/r2s.ts'
import { searchCommand } from './commands/search.ts'
import { trainCommand } from './commands/train.ts'
import { transferCommand } from './commands/transfer.ts'
import { addExamples, groupOptions, helpWidth, setUpHelp } from './help.ts'
import { firstSteps, introduction } from './introduction.ts'
import type { Context } from './run-command.ts'
import { type Io, Terminal } from './terminal.ts'

const exitCodes = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const

/**
 * Runs one command line.
 * @param args without the program's name
 * @returns the exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const context: Context = {
    io,
    terminal: new Terminal(io, { json: isFlagOf(args, '--json'), color: !isFlagOf(args, '--no-color') }),
  }
  try {
    if (args.every(arg => outputFlags.includes(arg))) return introduce(context)
    const color = !isFlagOf(args, '--no-color')
    await buildProgram(context, color).parseAsync(args, { from: 'user' })
    return context.failed ? exitCodes.failed : exitCodes.done
  } catch (error) {
    return report(error, args, context)
  }
}

/** Flags that ask for no command. */
const outputFlags: readonly string[] = ['--json', '--quiet', '--no-color']

function introduce({ io, terminal }: Context): number {
  for (const line of introduction(helpWidth(io.stderr))) io.stderr.write(`${line}\n`)
  terminal.failure('ERR_RST_CONFIG', noCommand('rst'))
  return exitCodes.wrongUse
}

const noCommand = (name: string) => `Expected a command: ${name} --help lists them.`

/** Commands by what they are for, the most needed first. */
const commandGroups: Readonly<Record<string, readonly ((context: Context) => Command)[]>> = {
  'Search and train:': [searchCommand, trainCommand, finetuneCommand],
  'Measure:': [evalCommand, infoCommand],
  'Random switch between tickets:': [transferCommand, r2sCommand],
  'Set up:': [doctorCommand, dataCommand, completionCommand, helpCommand],
}

/** @param color false with --no-color */
function buildProgram(context: Context, color: boolean): Command {
  const program = new Command('rst')
    .description(
      'Search, attack and evaluate robust scratch tickets: adversarially robust subnetworks of networks that were never trained.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('(see rst --help)')
  setUpHelp(program, context.io, color)
  addExamples(program, firstSteps).addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.\nRST_DEBUG=1 prints stack traces.',
  )
  groupOptions(program)
  for (const [heading, makers] of Object.entries(commandGroups)) {
    program.commandsGroup(heading)
    for (const make of makers) adopt(program, make(context))
  }
  adopt(program, completeCommand(context), { hidden: true })
  return program
}

function adopt(program: Command, command: Command, settings: { hidden?: boolean } = {}): void {
  inherit(command, program)
  program.addCommand(command, settings)
  pointToHelp(command, 'rst')
}

/** Commands made apart do not take over the program's settings by themselves. */
function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent)
  groupOptions(command)
  for (const child of command.commands) inherit(child, command)
}

/** Its usage errors name the help of the command itself. */
function pointToHelp(command: Command, parents: string): void {
  const name = `${parents} ${command.name()}`
  command.showHelpAfterError(`(see ${name} --help)`)
  for (const child of command.commands) pointToHelp(child, name)
}

/** Whether `flag` is given before a --, told without knowing the command. */
function isFlagOf(args: readonly string[], flag: string): boolean {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes(flag)
}

function report(error: unknown, args: readonly string[], { io, terminal }: Context): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done
    const message =
      error.code === 'commander.help'
        ? noCommand(['rst', ...args.filter(arg => !arg.startsWith('-'))].join(' '))
        : error.message.replace(/^error: /, '').replaceAll('\n', ' ')
    terminal.failure('ERR_RST_CONFIG', message)
    return exitCodes.wrongUse
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  if (name === 'AbortError') {
    terminal.error(message)
    terminal.failure('ABORT_ERR', message)
    return exitCodes.interrupted
  }
  terminal.error(message)
  if (io.env.RST_DEBUG) io.stderr.write(`${stack}\n`)
  else if (!(error instanceof RstError)) terminal.log('(RST_DEBUG=1 shows where this came from)')
  terminal.failure(error instanceof RstError ? error.code : 'ERR_RST_UNEXPECTED', message)
  return error instanceof ConfigError ? exitCodes.wrongUse : exitCodes.failed
}
