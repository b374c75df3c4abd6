// A robust scratch ticket: a frozen random network, its mask, and its batch-norm statistics.
import { ConfigError, ShapeError, TicketError } from '../errors.ts'
import * as models from '../models/index.ts'
import type { Network } from '../nn/network.ts'
import { NetworkClassifier } from '../nn/network-classifier.ts'
import { keepCount, maskShape } from '../nn/pattern.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'
import { type Architecture, checkArchitecture } from './architecture-check.ts'
import { readTicket, writeTicket } from './stored-ticket.ts'
import type { LayerMask, TicketData, TicketMetadata } from './ticket-data.ts'

export interface Prediction {
  /** The class of largest probability. */
  readonly label: number
  /** [classes] */
  readonly probabilities: Float32Array
}

/** A network in eval mode whose weights are a pure function of its seed; only mask and statistics are its own. */
export class Ticket extends NetworkClassifier {
  /** Whether its kept weights were fine-tuned, so that a file must hold them. */
  readonly trained: boolean
  #metadata: TicketMetadata

  /** @internal Takes ownership of the network. */
  constructor(network: Network, metadata: TicketMetadata, { trained = false } = {}) {
    super(network)
    for (const layer of network.convolutions) layer.scores = null
    this.#metadata = metadata
    this.trained = trained
  }

  get metadata(): TicketMetadata {
    return this.#metadata
  }

  /** Notes measured accuracies, shares in [0, 1], in the metadata that `save` writes. */
  recordAccuracies(accuracies: TicketMetadata['accuracies']): void {
    this.#metadata = { ...this.#metadata, accuracies: { ...this.#metadata.accuracies, ...accuracies } }
  }

  /**
   * Classifies one image.
   * @param pixels [C·H·W] in [0, 1]
   * @throws ShapeError
   */
  async predict(pixels: Float32Array): Promise<Prediction> {
    const size = this.inputShape.reduce((product, d) => product * d, 1)
    if (pixels.length !== size) {
      throw new ShapeError(
        `Expected ${size} pixels for an image of [${this.inputShape.join(', ')}] but received ${pixels.length}.`,
      )
    }
    using probabilities = scope(() =>
      ops.softmax(this.logits(tensor(pixels, [1, ...this.inputShape], { device: this.device }))),
    )
    const values = await probabilities.data()
    return { label: values.indexOf(Math.max(...values)), probabilities: values }
  }

  /** Weights kept, and weights of the dense network. */
  get parameters(): { kept: number; total: number } {
    const { remainingRatio, pattern } = this.metadata
    let kept = 0
    for (const { spec } of this.network.convolutions) {
      const groups = maskShape(spec.weightShape, pattern)
      const count = elements(groups)
      kept += keepCount(count, remainingRatio) * (elements(spec.weightShape) / count)
    }
    return { kept, total: this.network.weightCount }
  }

  /** What a file holds of it. */
  async data(): Promise<TicketData> {
    const masks = new Map<string, LayerMask>()
    const runningMean = new Map<string, Float32Array>()
    const runningVar = new Map<string, Float32Array>()
    const weights = new Map<string, Float32Array>()
    for (const { spec, mask, weight } of this.network.convolutions) {
      using packed = outsideScopes(() => ops.packBits(mask!))
      masks.set(spec.name, { weightShape: spec.weightShape, shape: mask!.shape, bits: await packed.data() })
      if (this.trained) weights.set(spec.name, keptWeights(await weight.data(), await mask!.data()))
    }
    for (const layer of this.network.batchNorms) {
      runningMean.set(layer.spec.name, await layer.runningMean.data())
      runningVar.set(layer.spec.name, await layer.runningVar.data())
    }
    return { metadata: this.metadata, masks, runningMean, runningVar, ...(this.trained && { weights }) }
  }

  /**
   * Writes the ticket file, atomically.
   * @throws ConfigError where the path cannot be written
   */
  async save(path: string): Promise<void> {
    await writeTicket(path, await this.data())
  }

  /** The same ticket on tensors of its own. */
  async clone(): Promise<Ticket> {
    return fromData(await this.data(), this.device)
  }

  /** The same network under other metadata; this object is not to be used any more. */
  withMetadata(metadata: TicketMetadata, { trained = this.trained } = {}): Ticket {
    return new Ticket(this.network, metadata, { trained })
  }
}

/**
 * Reads a ticket file and rebuilds its network.
 * @throws TicketError naming the field at fault
 */
export async function loadTicket(
  path: string,
  { device, threads }: { device?: 'auto' | 'cpu' | Device; threads?: number } = {},
): Promise<Ticket> {
  return fromData(await readTicket(path), resolveDevice(device, threads), path)
}

function fromData(data: TicketData, device: Device, file = 'The ticket'): Ticket {
  const { metadata, masks, runningMean, runningVar, weights } = data
  const { mean, std } = metadata.normalisation
  // Before anything is allocated for a network of whatever size.
  checkArchitecture(data, architectureOf(metadata, file), file)
  const network = models.create(metadata.arch, { ...metadata, mean, std, device })
  network.drawWeights(metadata.init, metadata.weightSeed)
  for (const layer of network.convolutions) {
    const { name, weightShape } = layer.spec
    const { shape, bits } = masks.get(name)!
    layer.mask = outsideScopes(() =>
      scope(() => ops.unpackBits(tensor(bits, [bits.length], { dtype: 'u8', device }), shape)),
    )
    const kept = weights?.get(name)
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
  return new Ticket(network, metadata, { trained: weights !== undefined })
}

/** @throws TicketError where there is no such network */
function architectureOf(metadata: TicketMetadata, file: string): Architecture {
  try {
    return models.layersOf(metadata.arch, metadata)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new TicketError(`${file}: ${error.message}`, error.option, { cause: error })
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
