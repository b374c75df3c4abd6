// What this machine offers the package, and how it computes a network.
import { totalmem } from 'node:os'
import { datasets } from './data/datasets.ts'
import * as models from './models/index.ts'
import type { SparseBelow } from './native/addon.ts'
import { addonPath } from './native/load.ts'
import { type LayerKernels, layerKernels } from './nn/layer-kernels.ts'
import type { Pattern } from './nn/pattern.ts'
import { checkMask, networkOptions } from './search/resolve.ts'
import { Device } from './tensor/device.ts'
import { loadTicket } from './tickets/ticket.ts'
import { version } from './version.ts'

/** A network of random masks. */
export interface MaskedArchitecture {
  /** One of `models.names`. */
  arch: string
  /** Multiplier of every layer's channels, > 0. Default 1. */
  width?: number
  /** Name of the data set whose images it sees. Default 'cifar10'. */
  dataset?: string
  /** Share of weights kept in each layer, (0, 1]. */
  remainingRatio: number
  /** Default 'element'. */
  pattern?: Pattern
}

export interface DoctorReport {
  readonly version: string
  readonly node: string
  readonly platform: string
  /** Such as 'CPU, AVX2, 2 threads'. */
  readonly device: string
  /** The instruction set of the kernels, such as 'AVX2'. */
  readonly simdTarget: string
  /** The same on all machines, so that all give the same bits. */
  readonly sparseBelow: SparseBelow
  /** Bytes of the machine. */
  readonly memory: number
  /** Path of the native addon. */
  readonly addon: string
  /** `dir` is null where the data set was not found in its usual places. */
  readonly datasets: readonly { readonly name: string; readonly dir: string | null }[]
  /** The convolutions of the network asked for. */
  readonly layers?: readonly LayerKernels[]
}

/**
 * @param layersOf the path of a ticket file, or an architecture, whose layers to report
 * @throws DeviceError where the native addon cannot be loaded, ConfigError, TicketError
 */
export async function doctor({
  layersOf,
}: {
  layersOf?: string | MaskedArchitecture
} = {}): Promise<DoctorReport> {
  const device = Device.default
  return {
    version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    device: device.description,
    simdTarget: device.simdTarget,
    sparseBelow: device.sparseBelow,
    memory: totalmem(),
    addon: addonPath(),
    datasets: await Promise.all(
      datasets.list().map(async ({ name }) => ({ name, dir: (await datasets.locate(name)) ?? null })),
    ),
    ...(layersOf !== undefined && { layers: await layersOfNetwork(layersOf, device) }),
  }
}

async function layersOfNetwork(source: string | MaskedArchitecture, device: Device): Promise<LayerKernels[]> {
  if (typeof source === 'string') {
    using ticket = await loadTicket(source, { device })
    return await layerKernels(ticket.network)
  }
  const { arch, width = 1, dataset = 'cifar10', remainingRatio, pattern = 'element' } = source
  checkMask(remainingRatio, pattern)
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
