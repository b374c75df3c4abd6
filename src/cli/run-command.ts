// What happens around every command: configuration, terminal, Ctrl-C.
import type { Command } from 'commander'
import { ConfigError } from '../errors.ts'
import { applyConfigFile } from './config-file.ts'
import type { OutputOptions } from './options.ts'
import { takePositional } from './positional.ts'
import { isTraining, takeResumedOptions } from './resumed-options.ts'
import { type Io, Terminal } from './terminal.ts'

/** One Ctrl-C may arrive twice, from the terminal and passed on by npx: a second one means it from here on. */
const doubleMilliseconds = 500

/** What the program is built with. */
export interface Context {
  io: Io
  /** Set once a command runs; errors are printed on it. */
  terminal: Terminal
  /** Whether a command ended without what it was for, and said so itself. */
  failed?: boolean
}

/** What a command runs with. */
export interface Session {
  terminal: Terminal
  /** Fires on Ctrl-C, and on the signals by which systems end processes. */
  signal: AbortSignal
  /** Ends the command, once it is through, as failed, where its result tells why. */
  fail: () => void
}

/**
 * A commander action that reads --config, then runs `body` until it ends or Ctrl-C stops it.
 * @param check refuses options that do not go together, before anything is read; `given` names those that the command
 * line or --config sets
 */
export function runCommand<Options extends OutputOptions>(
  context: Context,
  body: (options: Options, session: Session, argument: string | undefined) => Promise<void>,
  check?: (options: Options, given: ReadonlySet<string>) => void,
) {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command
    const argument = typeof args[0] === 'string' ? args[0] : undefined
    const { io } = context
    context.terminal = new Terminal(io, command.opts<Options>())
    const file = command.opts<Options>().config
    if (file !== undefined) await applyConfigFile(command, file)
    takePositional(command, args[0])
    const { resume, out } = command.opts<{ resume?: boolean; out?: string }>()
    if (resume && out === undefined) {
      throw new ConfigError('--resume needs the folder to go on in: give it as --out DIR.', 'out')
    }
    if (resume && out !== undefined && isTraining(command)) await takeResumedOptions(command, out)
    const options = command.opts<Options>()
    const terminal = new Terminal(io, options)
    context.terminal = terminal
    check?.(options, givenOptions(command))

    const controller = new AbortController()
    let stopped = 0
    const stopListening = io.onInterrupt((signal = 'SIGINT') => {
      if (controller.signal.aborted) {
        if (signal === 'SIGINT' && io.now() - stopped >= doubleMilliseconds) io.exit(130)
        return
      }
      stopped = io.now()
      controller.abort()
      terminal.log(
        signal === 'SIGINT'
          ? '\nStopping after this step; press Ctrl-C again to stop at once.'
          : `\n${signal}: stopping after this step.`,
      )
    })
    try {
      await body(
        options,
        {
          terminal,
          signal: controller.signal,
          fail: () => {
            context.failed = true
          },
        },
        argument,
      )
    } finally {
      stopListening()
    }
  }
}

function givenOptions(command: Command): Set<string> {
  const names = command.options.map(option => option.attributeName())
  return new Set(
    names.filter(
      name =>
        ['cli', 'config'].includes(command.getOptionValueSource(name) ?? '') &&
        // As a flag is that was not given.
        command.getOptionValue(name) !== false,
    ),
  )
}
