// rst doctor
import { Command } from 'commander'
import { addOutputOptions, type OutputOptions } from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'

export function doctorCommand(context: Context): Command {
  const command = new Command('doctor')
    .summary('show devices, libraries and data sets')
    .description(
      'Show what rst runs on: versions, device with SIMD and threads, memory, native addon and data sets.',
    )
    .addHelpText('after', '\nExample:\n  $ rst doctor --json')
  return addOutputOptions(command).action(runCommand<OutputOptions>(context, doctor))
}

async function doctor(_: OutputOptions, { terminal, loadLibrary }: Session): Promise<void> {
  const library = await loadLibrary()
  const report = await library.doctor()
  const rows = [
    ['rst-native', report.version],
    ['Node.js', report.node],
    ['platform', report.platform],
    ['device', report.device],
    ['memory', `${(report.memory / 2 ** 30).toFixed(1)} GiB`],
    ['addon', report.addon],
    ...report.datasets.map(({ name, dir }) => [name, dir ?? `not found; see rst data fetch ${name}`]),
  ]
  const width = Math.max(...rows.map(([label]) => label.length))
  terminal.result(
    rows.map(([label, value]) => `${label.padEnd(width)}   ${value}`),
    report,
  )
}
