// What this machine offers the package, and how it computes a network.
import { sep } from 'node:path'
import { datasets } from '../data/datasets.ts'
import { RstError } from '../errors.ts'
import { kind, number, oneOf, path, required, text } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import { addon, type Facts } from '../native/addon.ts'
import { addonPath } from '../native/load.ts'
import { type LayerKernels, layerKernels } from '../nn/layer-kernels.ts'
import { type Pattern, patterns } from '../nn/pattern.ts'
import { loadTicket } from '../saved/ticket.ts'
import { Device } from '../tensor/device.ts'
import { type ListedDevice, listDevices } from '../tensor/list-devices.ts'
import { networkOptions } from '../training/resolve.ts'
import { version } from '../version.ts'
import { describeMachine, type Machine, relevantEnvironment } from './machine.ts'

/** A network of random masks. */
export interface MaskedArchitecture {
  /** One of `models.names`. */
  arch: string
  /** Multiplier of every layer's channels, above 0 and up to 64. Default 1. */
  width?: number
  /** Name of the data set whose images it sees. Default 'cifar10'. */
  dataset?: string
  /** Share of weights kept in each layer, (0, 1]. */
  remainingRatio: number
  /** What one entry of the masks covers. Default 'element'. */
  pattern?: Pattern
}

export const maskedArchitectureRows: OptionRows<MaskedArchitecture> = {
  arch: required(text),
  width: number(0, 64, { above: true }),
  dataset: text,
  remainingRatio: required(number(0, 1, { above: true })),
  pattern: oneOf(patterns),
}

/** What this machine offers the package. */
export interface DoctorReport extends Machine {
  /** Of rst-native. */
  readonly version: string
  /** Version of Node. */
  readonly node: string
  /** The default one, such as 'CPU, AVX2, 2 threads'; null where the addon does not work. */
  readonly device: string | null
  /** What it tells about itself; its shares are the same on all machines, so that all give the same bits. */
  readonly facts: Facts
  /** The ops that it does not compute itself: the CPU does. */
  readonly missingOps: readonly string[]
  /** The devices of all backends; empty where the addon does not work. */
  readonly devices: readonly ListedDevice[]
  /** Path of the native addon; null where there is none. */
  readonly addon: string | null
  /** Whether it came with the package or was compiled here; null where there is none. */
  readonly addonFrom: 'prebuilt' | 'source' | null
  /** Why the native addon does not work, and what to do. */
  readonly error?: {
    /** As that of the package's errors. */
    readonly code: string
    /** Whole sentences. */
    readonly message: string
  }
  /** Variables of the environment that change what the package does, such as RST_DEVICE, by name. */
  readonly environment: Readonly<Record<string, string>>
  /** Those that the package knows; `dir` is null where the data set was not found in its usual places. */
  readonly datasets: readonly {
    /** As `datasets.open` takes it. */
    readonly name: string
    /** Its folder. */
    readonly dir: string | null
  }[]
  /** The convolutions of the network asked for. */
  readonly layers?: readonly LayerKernels[]
}

/** What is asked beside what is always told. */
export interface DoctorOptions {
  /** The path of a ticket file, or an architecture, whose layers to report. */
  layersOf?: string | MaskedArchitecture
}

export const doctorRows: OptionRows<DoctorOptions> = {
  layersOf: kind(
    'the path of a ticket or an object { arch, remainingRatio }',
    value => path.accepts(value) || (typeof value === 'object' && value !== null && !Array.isArray(value)),
  ),
}

/**
 * What this machine offers the package: devices, data sets, and whether the native addon works.
 *
 * Where the native addon is missing or broken the report says why, and has no layers.
 * @param options a network, whose kernels are told
 * @returns all that `rst doctor` prints
 * @throws ConfigError, TicketError
 * @example
 * import { doctor } from 'rst-native'
 * const { device, error, layers } = await doctor({ layersOf: { arch: 'conv2', remainingRatio: 0.05, width: 0.25 } })
 * console.log(device ?? error?.message)
 * for (const { name, density, forward } of layers ?? []) console.log(name, density, forward)
 * console.log(layers?.length) // → 4
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  checkOptions('doctor', options, doctorRows)
  const { layersOf } = options
  if (typeof layersOf === 'object') checkOptions('layersOf', layersOf, maskedArchitectureRows)
  const found = findDevice()
  const path = findAddon()
  return {
    version,
    node: process.versions.node,
    ...describeMachine(),
    device: found.device?.description ?? null,
    facts: found.device?.facts ?? {},
    missingOps: found.device ? missingOps(found.device) : [],
    devices: found.device ? listDevices() : [],
    addon: path,
    addonFrom: path === null ? null : path.split(sep).includes('prebuilds') ? 'prebuilt' : 'source',
    ...(found.error && { error: { code: found.error.code, message: found.error.message } }),
    environment: relevantEnvironment(),
    datasets: await Promise.all(
      datasets.list().map(async ({ name }) => ({ name, dir: (await datasets.locate(name)) ?? null })),
    ),
    ...(layersOf !== undefined && found.device && { layers: await layersOfNetwork(layersOf, found.device) }),
  }
}

const missingOps = (device: Device): string[] =>
  addon()
    .ops()
    .map(({ name }) => name)
    .filter(name => !device.supports(name))

function findDevice(): { device?: Device; error?: RstError } {
  try {
    return { device: Device.default }
  } catch (error) {
    if (error instanceof RstError) return { error }
    throw error
  }
}

function findAddon(): string | null {
  try {
    return addonPath()
  } catch {
    return null
  }
}

async function layersOfNetwork(source: string | MaskedArchitecture, device: Device): Promise<LayerKernels[]> {
  if (typeof source === 'string') {
    using ticket = await loadTicket(source, { device })
    return await layerKernels(ticket.network)
  }
  checkOptions('layersOf', source, maskedArchitectureRows)
  const { arch, width = 1, dataset = 'cifar10', remainingRatio, pattern = 'element' } = source
  const network = models.create(arch, networkOptions({ info: datasets.info(dataset) }, width, device))
  try {
    network.drawWeights('signed-kaiming-constant', 0)
    network.drawScores(pattern, 0)
    network.updateMasks(remainingRatio)
    return await layerKernels(network)
  } finally {
    network.dispose()
  }
}
