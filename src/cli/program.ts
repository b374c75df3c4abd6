// The program: its commands, and how their errors become messages and exit codes.

import { Command, CommanderError } from 'commander'
import { ConfigError, RstError } from '../errors.ts'
import { version } from '../version.ts'
import { dataCommand } from './commands/data.ts'
import { doctorCommand } from './commands/doctor.ts'
import { evalCommand } from './commands/eval.ts'
import { finetuneCommand } from './commands/finetune.ts'
import { infoCommand } from './commands/info.ts'
import { r2sCommand } from './commands/r2s.ts'
import { searchCommand } from './commands/search.ts'
import { trainCommand } from './commands/train.ts'
import { transferCommand } from './commands/transfer.ts'
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
    await buildProgram(context).parseAsync(args, { from: 'user' })
    return context.failed ? exitCodes.failed : exitCodes.done
  } catch (error) {
    return report(error, context)
  }
}

function buildProgram(context: Context): Command {
  const { io } = context
  const program = new Command('rst')
    .description(
      'Search, attack and evaluate robust scratch tickets: adversarially robust subnetworks of networks that were never trained.',
    )
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: text => io.stderr.write(text) })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted. RST_DEBUG=1 prints stack traces.',
    )
  program.showHelpAfterError('(see rst --help)')
  const commands = [
    searchCommand(context),
    trainCommand(context),
    finetuneCommand(context),
    evalCommand(context),
    infoCommand(context),
    transferCommand(context),
    r2sCommand(context),
    dataCommand(context),
    doctorCommand(context),
  ]
  for (const command of commands) {
    inherit(command, program)
    program.addCommand(command)
    pointToHelp(command, 'rst')
  }
  return program
}

/** Commands made apart do not take over the program's settings by themselves. */
function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent)
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

function report(error: unknown, { io, terminal }: Context): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done
    const message =
      error.code === 'commander.help'
        ? 'Expected a command: rst --help lists them.'
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
