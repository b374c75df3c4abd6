// A robust scratch ticket: a frozen random network, its mask, and its batch-norm statistics.

import { ConfigError, TicketError } from '../errors.ts'
import { flag, kind, path as pathKind, required } from '../inputs/kinds.ts'
import { checkOption, checkOptions } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import type { ModelIdentity } from '../nn/classifier.ts'
import type { Network } from '../nn/network.ts'
import { NetworkClassifier } from '../nn/network-classifier.ts'
import { keepCount, maskShape } from '../nn/pattern.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { type Placement, placementRows } from '../tensor/placement.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'
import { type Architecture, checkArchitecture } from './architecture-check.ts'
import { readTicket, writeTicket } from './stored-ticket.ts'
import type { LayerMask, Measurement, ParameterCount, TicketData, TicketMetadata } from './ticket-data.ts'
import { ticketHash } from './ticket-file.ts'
import { encodeMetadata, notedRows } from './ticket-metadata.ts'

const metadataRow = required(
  kind('an object of metadata', value => typeof value === 'object' && value !== null),
)

/**
 * A robust scratch ticket (Fu et al., NeurIPS 2021): a network in eval mode whose weights are a pure function of its
 * seed; only mask and statistics are its own. `searchRST` makes one, `loadTicket` reads one; docs/ticket-format.md
 * describes the file.
 * @example
 * import { loadTicket } from 'rst-native'
 * using ticket = await loadTicket('rst-5.safetensors')
 * console.log(ticket.metadata.remainingRatio, ticket.trained) // → 0.05 false
 * ticket.recordAccuracies({ natural: 0.61 })
 * await ticket.save('noted.safetensors')
 * const { masks } = await ticket.data()
 * console.log(masks.size === ticket.network.convolutions.length) // → true
 * const copy = await ticket.clone() // tensors of its own
 * console.log((await copy.identity()).hash === (await ticket.identity()).hash) // → true
 * const renamed = copy.withMetadata({ ...copy.metadata, dataset: 'my-cifar' })
 * console.log(renamed.metadata.dataset) // → my-cifar
 */
export class Ticket extends NetworkClassifier {
  /** Whether its kept weights were fine-tuned, so that a file must hold them. */
  readonly trained: boolean
  #metadata: TicketMetadata
  #file: string | undefined

  /** @internal Takes ownership of the network. */
  constructor(
    network: Network,
    metadata: TicketMetadata,
    { trained = false, file }: { trained?: boolean; file?: string } = {},
  ) {
    super(network)
    for (const layer of network.convolutions) layer.scores = null
    if (trained) network.addBiasesAndAffine()
    this.#metadata = metadata
    this.trained = trained
    this.#file = file
  }

  /** What a file says of it. */
  get metadata(): TicketMetadata {
    return this.#metadata
  }

  /**
   * Notes measured accuracies in the metadata that `save` writes.
   * @param accuracies shares in [0, 1]: `natural`, `robust` and whatever else was measured
   * @param measured what they are of, under the same names
   * @throws ConfigError
   */
  recordAccuracies(
    accuracies: TicketMetadata['accuracies'],
    measured: Readonly<Record<string, Measurement>> = {},
  ): void {
    checkOption('accuracies', accuracies, notedRows.accuracies, 'recordAccuracies')
    checkOption('measured', measured, notedRows.measured, 'recordAccuracies')
    const { accuracies: former, measured: formerly = {} } = this.#metadata
    // What was said of a former accuracy is not true of the new one.
    const kept = Object.entries(formerly).filter(([name]) => !(name in accuracies))
    this.#metadata = {
      ...this.#metadata,
      accuracies: { ...former, ...accuracies },
      measured: { ...Object.fromEntries(kept), ...measured },
    }
  }

  /**
   * What it is, for reports: its hash depends on all that its answers depend on.
   * @throws ShapeError once disposed, DeviceError once its device is
   */
  async identity(): Promise<ModelIdentity> {
    const { arch, width, remainingRatio } = this.metadata
    const hash = ticketHash(await this.data())
    return { kind: 'ticket', ...(this.#file && { file: this.#file }), hash, arch, width, remainingRatio }
  }

  /** Weights kept, and weights of the dense network; biases and affine parameters, which are not masked, do not count. */
  get parameters(): ParameterCount {
    const { remainingRatio, pattern } = this.metadata
    let kept = 0
    for (const { spec } of this.network.convolutions) {
      const groups = maskShape(spec.weightShape, pattern)
      const count = elements(groups)
      kept += keepCount(count, remainingRatio) * (elements(spec.weightShape) / count)
    }
    return { kept, total: this.network.weightCount }
  }

  /**
   * What a file holds of it.
   * @throws ShapeError once disposed, DeviceError once its device is
   */
  async data(): Promise<TicketData> {
    const masks = new Map<string, LayerMask>()
    const runningMean = new Map<string, Float32Array>()
    const runningVar = new Map<string, Float32Array>()
    const weights = new Map<string, Float32Array>()
    const biasesAndAffine = new Map<string, Float32Array>()
    for (const { spec, mask, weight } of this.network.convolutions) {
      using packed = outsideScopes(() => ops.packBits(mask!))
      masks.set(spec.name, { weightShape: spec.weightShape, shape: mask!.shape, bits: await packed.data() })
      if (this.trained) weights.set(spec.name, keptWeights(await weight.data(), await mask!.data()))
    }
    for (const layer of this.network.batchNorms) {
      runningMean.set(layer.spec.name, await layer.runningMean.data())
      runningVar.set(layer.spec.name, await layer.runningVar.data())
    }
    for (const { name, tensor: t } of this.network.biasesAndAffine) biasesAndAffine.set(name, await t.data())
    const trained = { weights, ...(biasesAndAffine.size > 0 && { biasesAndAffine }) }
    return { metadata: this.metadata, masks, runningMean, runningVar, ...(this.trained && trained) }
  }

  /**
   * Writes the ticket file, atomically.
   * @param path of the file, which is replaced
   * @throws ConfigError where the path cannot be written, FileError
   */
  async save(path: string): Promise<void> {
    checkOption('path', path, required(pathKind), 'save')
    await writeTicket(path, await this.data())
    this.#file = path
  }

  /**
   * The same ticket on tensors of its own.
   * @throws ShapeError once disposed, DeviceError once its device is
   */
  async clone(): Promise<Ticket> {
    return fromData(await this.data(), this.device)
  }

  /**
   * The same network under other metadata; this object is not to be used any more.
   * @param metadata all of it
   * @param options whether its kept weights were fine-tuned; default: as they were
   * @throws TicketError naming the field that no ticket has, ConfigError
   */
  withMetadata(metadata: TicketMetadata, options: { trained?: boolean } = {}): Ticket {
    checkOption('metadata', metadata, metadataRow, 'withMetadata')
    checkOptions('withMetadata', options, { trained: flag })
    encodeMetadata(metadata)
    const { trained = this.trained } = options
    return new Ticket(this.network, metadata, { trained })
  }
}

/**
 * Reads a ticket file and rebuilds its network.
 * @param path of the file
 * @param options device and threads
 * @throws TicketError naming the field at fault; ConfigError, DeviceError
 * @example
 * import { loadTicket } from 'rst-native'
 * using ticket = await loadTicket('rst-5.safetensors', { device: 'cpu', threads: 2 })
 * const { label } = await ticket.predict(new Float32Array(3 * 32 * 32).fill(0.5))
 * console.log(ticket.metadata.arch, label >= 0 && label < 10) // → conv2 true
 */
export async function loadTicket(path: string, options: Placement = {}): Promise<Ticket> {
  checkOption('path', path, required(pathKind), 'loadTicket')
  checkOptions('loadTicket', options, placementRows)
  return fromData(await readTicket(path), resolveDevice(options.device, options.threads), path)
}

/**
 * The ticket of which a file holds `data`.
 * @param file where it lies, if it does
 * @param weights of a network of the same layers and weights, which are then not drawn again; it must live as long
 * @throws TicketError naming the field at fault
 */
export function fromData(data: TicketData, device: Device, file?: string, weights?: Network): Ticket {
  const { metadata } = data
  const owner = file ?? 'The ticket'
  // Before anything is made for a network of whatever size.
  checkArchitecture(data, architectureOf(metadata, owner), owner)
  const { mean, std } = metadata.normalisation
  const network = models.create(metadata.arch, { ...metadata, mean, std, device })
  try {
    fill(network, data, weights)
    return new Ticket(network, metadata, { trained: data.weights !== undefined, file })
  } catch (error) {
    network.dispose()
    throw error
  }
}

/** Parameters, masks and statistics. Kept weights of a ticket are those of all its layers. */
function fill(network: Network, data: TicketData, weights: Network | undefined): void {
  const { metadata, masks, runningMean, runningVar } = data
  const { device } = network
  if (data.weights === undefined) {
    if (weights === undefined) network.drawWeights(metadata.init, metadata.weightSeed)
    else network.borrowWeights(weights)
  }
  for (const layer of network.convolutions) {
    const { name, weightShape } = layer.spec
    const { shape, bits } = masks.get(name)!
    layer.mask = outsideScopes(() =>
      scope(() => ops.unpackBits(tensor(bits, [bits.length], { dtype: 'u8', device }), shape)),
    )
    const kept = data.weights?.get(name)
    if (kept) {
      const dense = scattered(kept, bits, shape, weightShape)
      layer.weight = outsideScopes(() => tensor(dense, weightShape, { device }))
    }
  }
  for (const layer of network.batchNorms) {
    layer.setRunning(
      Float32Array.from(runningMean.get(layer.spec.name)!),
      Float32Array.from(runningVar.get(layer.spec.name)!),
    )
  }
  if (data.weights) network.setBiasesAndAffine(data.biasesAndAffine ?? new Map())
}

/** @throws TicketError where there is no such network */
function architectureOf(metadata: TicketMetadata, file: string): Architecture {
  try {
    return models.layersOf(metadata.arch, metadata)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new TicketError(`${file}: no network can be made of its metadata: ${error.message}`, error.option, {
      cause: error,
    })
  }
}

const elements = (shape: readonly number[]) => shape.reduce((product, d) => product * d, 1)

/** The weights under a mask entry of 1, in order. */
function keptWeights(weight: Float32Array, mask: Uint8Array): Float32Array {
  const group = weight.length / mask.length
  return weight.filter((_, i) => mask[Math.floor(i / group)] === 1)
}

/** The inverse of keptWeights; the others are 0. */
function scattered(
  kept: Float32Array,
  bits: Uint8Array,
  maskShape: readonly number[],
  weightShape: readonly number[],
): Float32Array<ArrayBuffer> {
  const weight = new Float32Array(elements(weightShape))
  const group = weight.length / elements(maskShape)
  let next = 0
  for (let i = 0; i < weight.length; i++) {
    const entry = Math.floor(i / group)
    if ((bits[entry >> 3] >> (entry & 7)) & 1) weight[i] = kept[next++]
  }
  return weight
}
