// rst doctor
import { Command } from 'commander'
import { ConfigError } from '../../errors.ts'
import * as models from '../../models/index.ts'
import type { LayerKernels } from '../../nn/layer-kernels.ts'
import { type DoctorReport, doctor, type MaskedArchitecture } from '../../runs/doctor.ts'
import { formatPercent } from '../format.ts'
import { addExamples } from '../help.ts'
import { formatList, formatTable } from '../layout.ts'
import { addLayersOptions, addOutputOptions, type LayersOptions } from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'

export function doctorCommand(context: Context): Command {
  const command = new Command('doctor')
    .summary('show devices, libraries, data sets and the choice of kernels')
    .description(
      'Show what rst runs on: versions, machine, devices, memory, native addon, environment and data sets. Where the addon does not work, say why and what to do, and exit with 1. With --arch or --ticket, also which kernels compute each convolution: sparse (over the non-zero weights), winograd or direct (over all), on images of --dataset (default: cifar10).',
    )
  addExamples(command, {
    'for a report of a fault': 'rst doctor --json',
    'which kernels a network would run': 'rst doctor --arch resnet18-cifar --ratio 0.05',
  })
  for (const add of [addLayersOptions, addOutputOptions]) add(command)
  return command.action(runCommand<LayersOptions>(context, examine))
}

async function examine(options: LayersOptions, { terminal, fail }: Session): Promise<void> {
  const report = await doctor({ layersOf: layersOf(options) })
  const rows = [
    ['rst-native', report.version],
    ['Node.js', report.node],
    [
      'platform',
      `${report.platform}, kernel ${report.release}${report.libc === null ? '' : `, ${report.libc}`}`,
    ],
    ['processor', `${report.cpu ?? 'unnamed'}, ${coresOf(report)}`],
    ['device', report.device ?? 'none: the native addon does not work, see below'],
    ...report.devices.slice(1).map(device => [device.name, device.problem ?? device.description]),
    ...Object.entries(report.facts).map(([name, value]) => [inWords(name), String(value)]),
    ...(report.missingOps.length === 0 ? [] : [['ops on the CPU', report.missingOps.join(', ')]]),
    ['memory', memoryOf(report)],
    ['addon', addonOf(report)],
    ...Object.entries(report.environment),
    ...report.datasets.map(({ name, dir }) => [name, dir ?? `not found; see rst data where ${name}`]),
  ]
  terminal.result(
    [
      ...formatList(rows),
      ...(report.layers ? ['', ...layerTable(report.layers)] : []),
      ...(report.error ? ['', report.error.message] : []),
    ],
    report,
  )
  if (report.error) fail()
}

const coresOf = ({ cores, usableCores }: DoctorReport) =>
  usableCores === cores ? `${cores} cores` : `${usableCores} of ${cores} cores usable`

function memoryOf({ memory, usableMemory }: DoctorReport): string {
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`
  return usableMemory === memory
    ? gibibytes(memory)
    : `${gibibytes(usableMemory)} of ${gibibytes(memory)} usable`
}

function addonOf({ addon, addonFrom }: DoctorReport): string {
  if (addon === null) return 'not built'
  return `${addon} (${addonFrom === 'prebuilt' ? 'prebuilt' : 'built from source'})`
}

/** 'sparse below direct' of sparseBelowDirect. */
const inWords = (name: string): string => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)

/** @throws ConfigError for options that do not go together */
function layersOf({
  ticket,
  arch,
  width,
  dataset,
  ratio,
  pattern,
}: LayersOptions): string | MaskedArchitecture | undefined {
  const stray = Object.entries({ width, dataset, ratio, pattern }).find(([, value]) => value !== undefined)
  if (arch === undefined && stray) {
    throw new ConfigError(`--${stray[0]} needs --arch: name the architecture whose layers to show.`, stray[0])
  }
  if (arch === undefined) return ticket
  if (ticket !== undefined) {
    throw new ConfigError('Expected --ticket or --arch but received both: leave one out.', 'ticket')
  }
  if (ratio === undefined) {
    throw new ConfigError(
      '--arch needs --ratio: give the share of weights kept, 1 for a dense network.',
      'ratio',
    )
  }
  return { arch: models.canonicalName(arch), width, dataset, remainingRatio: ratio, pattern }
}

function layerTable(layers: readonly LayerKernels[]): string[] {
  return formatTable([
    ['layer', 'kernel', 'channels', 'stride', 'input', 'non-zero', 'forward', 'input gradient'],
    ...layers.map(({ name, weightShape, stride, inputSize, density, forward, inputGradient }) => {
      const [outputs, inputs, rows, columns] = weightShape
      return [
        name,
        `${rows}×${columns}`,
        `${inputs} → ${outputs}`,
        `${stride}`,
        inputSize.join('×'),
        formatPercent(density),
        forward,
        inputGradient,
      ]
    }),
  ])
}
