// rst completion, and rst complete, which the shells ask.
import { Argument, Command } from 'commander'
import { addExamples } from '../help.ts'
import type { Context } from '../run-command.ts'
import { oneOf } from '../values.ts'

const shells = ['bash', 'zsh', 'fish'] as const

export function completionCommand({ io }: Context): Command {
  const shell = new Argument('<shell>', shells.join(', ')).argParser(text => oneOf(shells)(text, 'shell'))
  shell.argChoices = [...shells]
  const command = new Command('completion')
    .summary('print what completes rst in bash, zsh or fish')
    .description(
      'Print a script by which the Tab key completes commands, options, their values and files. New shells have it once it is where they look; rst must be in the PATH.',
    )
    .addArgument(shell)
    .action(async (name: string) => {
      const { scripts } = await import('../completion/scripts.ts')
      io.stdout.write(scripts[name])
    })
  return addExamples(command, {
    bash: 'rst completion bash >> ~/.bashrc',
    zsh: 'rst completion zsh >> ~/.zshrc',
    fish: 'rst completion fish > ~/.config/fish/completions/rst.fish',
  })
}

/** Prints a line for each value, then what else the shell may offer. */
export function completeCommand({ io }: Context): Command {
  return new Command('complete')
    .argument('[words...]')
    .action(async (words: string[], _: unknown, self: Command) => {
      const { suggest } = await import('../completion/suggest.ts')
      const { values, rest } = suggest(self.parent!, words)
      const lines = values.map(({ value, description }) => (description ? `${value}\t${description}` : value))
      io.stdout.write(`${[...lines, `:${rest}`].join('\n')}\n`)
    })
}
