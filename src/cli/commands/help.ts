// rst help
import { Command } from 'commander'
import { ConfigError } from '../../errors.ts'
import { didYouMean } from '../../inputs/nearest-name.ts'
import { addExamples } from '../help.ts'

export function helpCommand(): Command {
  const help = new Command('help')
    .summary('print the help of a command')
    .description('Print the help of a command, as its --help does.')
    .argument('[command...]', 'its name: search, or data where')
    .action((names: string[], _: unknown, self: Command) => {
      let command = self.parent!
      for (const name of names) {
        const known = command.createHelp().visibleCommands(command)
        const child = known.find(one => one.name() === name)
        if (child === undefined) {
          const all = known.map(one => one.name())
          throw new ConfigError(
            `There is no command ${name}${didYouMean(name, all) || '; rst --help lists them.'}`,
            'command',
          )
        }
        command = child
      }
      command.outputHelp()
    })
  return addExamples(help, { 'the options of rst eval': 'rst help eval' })
}
