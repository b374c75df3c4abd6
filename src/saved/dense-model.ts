// A dense network and its file: weights, biases, affine parameters and batch-norm statistics as safetensors.

import { TicketError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { parseJson } from '../files/json.ts'
import { readRegularFile } from '../files/read-file.ts'
import { decodeSafetensorsHeader, type StoredTensor } from '../files/safetensors.ts'
import { checksum, decodeSealed, encodeSealedInTurns } from '../files/sealed.ts'
import { path as pathKind, required } from '../inputs/kinds.ts'
import { checkOption, checkOptions } from '../inputs/options.ts'
import * as models from '../models/index.ts'
import type { ModelIdentity } from '../nn/classifier.ts'
import type { Network } from '../nn/network.ts'
import { NetworkClassifier } from '../nn/network-classifier.ts'
import { resolveDevice } from '../tensor/device.ts'
import { type Placement, placementRows } from '../tensor/placement.ts'
import { outsideScopes } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'
import type { Normalisation } from './ticket-data.ts'

export const denseFormat = 'rst-dense/1'

/** What a file says of a dense model. */
export interface DenseMetadata {
  /** Of the file. */
  readonly format: typeof denseFormat
  /** One of `models.names`. */
  readonly arch: string
  /** Multiplier of every hidden layer's channels, above 0. */
  readonly width: number
  /** How many it tells apart. */
  readonly classes: number
  /** Channels of its images. */
  readonly inChannels: number
  /** [height, width] in pixels. */
  readonly imageSize: readonly [number, number]
  /** The data set trained on. */
  readonly dataset: string
  /** Per channel, of pixels in [0, 1]. */
  readonly normalisation: Normalisation
  /** The training options. */
  readonly recipe: Readonly<Record<string, unknown>>
  /** Of the rst-native that trained it. */
  readonly libraryVersion: string
}

/**
 * A trained dense network, in eval mode: weights, biases, affine parameters and batch-norm statistics.
 * @example
 * import { datasets, loadDense, trainDense } from 'rst-native'
 * const data = await datasets.cifar10()
 * const { model } = await trainDense({ arch: 'conv2', width: 0.25, data, inner: null, epochs: 1, batchSize: 128 })
 * await model.save('conv2.safetensors')
 * using loaded = await loadDense('conv2.safetensors')
 * console.log((await loaded.identity()).hash === (await model.identity()).hash) // → true
 */
export class DenseModel extends NetworkClassifier {
  /** What a file says of it. */
  readonly metadata: DenseMetadata
  #file: string | undefined

  /** @internal Takes ownership of the network. */
  constructor(network: Network, metadata: DenseMetadata, file?: string) {
    super(network)
    network.addBiasesAndAffine()
    this.metadata = metadata
    this.#file = file
  }

  /**
   * What it is, for reports: its hash depends on all that its answers depend on.
   * @throws ShapeError once disposed, DeviceError once its device is
   */
  async identity(): Promise<ModelIdentity> {
    const { format, arch, width, classes, inChannels, imageSize, normalisation } = this.metadata
    const { mean, std } = normalisation
    const metadata = { format, arch, width, classes, inChannels, imageSize, mean, std }
    const hash = checksum({ metadata: strings(metadata), tensors: await this.#tensors() })
    return { kind: 'dense model', ...(this.#file && { file: this.#file }), hash, arch, width }
  }

  /**
   * Writes parameters and running statistics as safetensors, atomically.
   * @param path of the file, which is replaced
   * @throws ConfigError, FileError
   */
  async save(path: string): Promise<void> {
    checkOption('path', path, required(pathKind), 'save')
    const tensors = await this.#tensors()
    await writeFileAtomic(path, await encodeSealedInTurns({ metadata: strings(this.metadata), tensors }))
    this.#file = path
  }

  async #tensors(): Promise<Map<string, StoredTensor>> {
    const tensors = new Map<string, StoredTensor>()
    for (const { name, tensor } of this.network.parameters) {
      tensors.set(name, { dtype: 'F32', shape: tensor.shape, data: await tensor.data() })
    }
    for (const { spec, runningMean, runningVar } of this.network.batchNorms) {
      const shape = [spec.channels]
      tensors.set(`${spec.name}.running_mean`, { dtype: 'F32', shape, data: await runningMean.data() })
      tensors.set(`${spec.name}.running_var`, { dtype: 'F32', shape, data: await runningVar.data() })
    }
    return tensors
  }
}

/** Text as it is, everything else as JSON. */
function strings(metadata: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}

const cure = 'train the model again, or fetch the file again'

/**
 * Reads what `DenseModel.save` wrote.
 * @param path of the file
 * @param options device and threads
 * @throws TicketError naming the field or tensor at fault; ConfigError, DeviceError
 * @example
 * import { datasets, loadDense, trainDense } from 'rst-native'
 * const data = await datasets.cifar10()
 * const { model } = await trainDense({ arch: 'conv2', width: 0.25, data, inner: null, epochs: 1, batchSize: 128 })
 * await model.save('dense.safetensors')
 * const { metadata } = await loadDense('dense.safetensors', { device: 'cpu', threads: 2 })
 * console.log(metadata.arch, metadata.dataset) // → conv2 cifar10
 */
export async function loadDense(path: string, options: Placement = {}): Promise<DenseModel> {
  checkOption('path', path, required(pathKind), 'loadDense')
  checkOptions('loadDense', options, placementRows)
  const bytes = await readRegularFile(
    path,
    (reason, cause) =>
      new TicketError(
        `Cannot read the dense model ${path}: ${reason}. Give the path of a model that rst train saved.`,
        'file',
        { cause },
      ),
  )
  const metadata = decodeMetadata(decodeSafetensorsHeader(bytes, path).metadata, path)
  const { tensors } = decodeSealed(bytes, path, cure)
  // Before anything is allocated for a network of whatever size.
  checkTensors(tensors, metadata, path)
  const network = models.create(metadata.arch, {
    ...metadata,
    ...metadata.normalisation,
    device: resolveDevice(options.device, options.threads),
  })
  const values = (name: string) => Float32Array.from(tensors.get(name)!.data as Float32Array)
  try {
    for (const layer of network.convolutions) {
      const { name, weightShape } = layer.spec
      const weight = values(`${name}.weight`)
      layer.weight = outsideScopes(() => tensor(weight, weightShape, { device: network.device }))
    }
    for (const layer of network.batchNorms) {
      const { name } = layer.spec
      layer.setRunning(values(`${name}.running_mean`), values(`${name}.running_var`))
    }
    network.addBiasesAndAffine()
    network.setBiasesAndAffine(new Map(network.biasesAndAffine.map(({ name }) => [name, values(name)])))
    return new DenseModel(network, metadata, path)
  } catch (error) {
    network.dispose()
    throw error
  }
}

/** @throws TicketError where the tensors are not those of the network, or hold what no network holds */
function checkTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: DenseMetadata,
  path: string,
): void {
  const { arch } = metadata
  const { layers, batchNorms } = models.layersOf(arch, metadata)
  const least = Number.NEGATIVE_INFINITY
  const wanted = [
    ...layers.flatMap(({ name, weightShape, bias }) => [
      { name: `${name}.weight`, shape: weightShape, least },
      ...(bias ? [{ name: `${name}.bias`, shape: weightShape.slice(0, 1), least }] : []),
    ]),
    ...batchNorms.flatMap(({ name, channels, affine }) => [
      { name: `${name}.running_mean`, shape: [channels], least },
      { name: `${name}.running_var`, shape: [channels], least: 0 },
      ...(affine ? ['gamma', 'beta'] : []).map(part => ({
        name: `${name}.${part}`,
        shape: [channels],
        least,
      })),
    ]),
  ]
  for (const { name, shape, least } of wanted) {
    const stored = tensors.get(name)
    if (stored?.dtype !== 'F32' || stored.shape.join() !== shape.join()) {
      const came = stored ? `${stored.dtype} of [${stored.shape.join(', ')}]` : 'nothing'
      throw new TicketError(
        `${path}: expected F32 of [${shape.join(', ')}] for ${name} of ${arch} but found ${came}.`,
        name,
      )
    }
    const at = stored.data.findIndex(value => !(Number.isFinite(value) && value >= least))
    if (at >= 0) {
      throw new TicketError(
        `${path}: expected finite numbers${least === 0 ? ' of at least 0' : ''} in ${name} but element ${at} is ${stored.data[at]}.`,
        name,
      )
    }
  }
  const known = new Set(wanted.map(({ name }) => name))
  const unknown = [...tensors.keys()].find(name => !known.has(name))
  if (unknown !== undefined) throw new TicketError(`${path}: ${arch} has no tensor ${unknown}.`, unknown)
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(v => typeof v === 'number' && Number.isFinite(v))
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1

function decodeMetadata(strings: Readonly<Record<string, string>>, path: string): DenseMetadata {
  const wrong = (field: string, expected: string) =>
    new TicketError(
      `${path}: expected ${expected} for ${field} but found ${strings[field] ?? 'nothing'}.`,
      field,
    )
  const json = (field: string, expected: string, valid: (value: unknown) => boolean) => {
    let value: unknown
    try {
      value = parseJson(strings[field] ?? '')
    } catch {
      throw wrong(field, expected)
    }
    if (!valid(value)) throw wrong(field, expected)
    return value
  }
  if (strings.format !== denseFormat) throw wrong('format', `'${denseFormat}' (a model that rst train saved)`)
  if (!models.names.includes(strings.arch as never)) throw wrong('arch', `one of ${models.names.join(', ')}`)
  const normalisation = json('normalisation', '{ mean, std }', value => {
    const { mean, std } = (value ?? {}) as Record<string, unknown>
    return isNumbers(mean) && isNumbers(std) && std.every(v => v > 0)
  })
  const { arch, dataset = '', libraryVersion = '' } = strings
  const inChannels = json('inChannels', 'a whole number', isCount) as number
  const { mean, std } = normalisation as DenseMetadata['normalisation']
  if (mean.length !== inChannels || std.length !== inChannels) {
    throw wrong('normalisation', `${inChannels} means and deviations, one an input channel,`)
  }
  return {
    format: denseFormat,
    arch,
    width: json(
      'width',
      'a number above 0 and up to 64',
      v => typeof v === 'number' && v > 0 && v <= 64,
    ) as number,
    classes: json('classes', 'a whole number of at least 2', v => isCount(v) && v !== 1) as number,
    inChannels,
    imageSize: json(
      'imageSize',
      '[height, width]',
      v => isNumbers(v) && v.length === 2 && v.every(isCount),
    ) as [number, number],
    dataset,
    normalisation: normalisation as DenseMetadata['normalisation'],
    recipe: json('recipe', 'an object', v => typeof v === 'object' && v !== null) as Record<string, unknown>,
    libraryVersion,
  }
}
