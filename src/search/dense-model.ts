// A dense network and its file: weights and batch-norm statistics as safetensors.
import { readFile } from 'node:fs/promises'
import type { ModelIdentity } from '../attacks/classifier.ts'
import { TicketError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../files/safetensors.ts'
import { checksum } from '../files/sealed.ts'
import * as models from '../models/index.ts'
import type { Network } from '../nn/network.ts'
import { NetworkClassifier } from '../nn/network-classifier.ts'
import { type Device, resolveDevice } from '../tensor/device.ts'
import { outsideScopes } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'

export const denseFormat = 'rst-dense/1'

export interface DenseMetadata {
  readonly format: typeof denseFormat
  readonly arch: string
  readonly width: number
  readonly classes: number
  readonly inChannels: number
  /** [height, width] in pixels. */
  readonly imageSize: readonly [number, number]
  /** The data set trained on. */
  readonly dataset: string
  /** Per channel, of pixels in [0, 1]. */
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] }
  /** The training options. */
  readonly recipe: Readonly<Record<string, unknown>>
  readonly libraryVersion: string
}

/** A trained dense network, in eval mode. */
export class DenseModel extends NetworkClassifier {
  readonly metadata: DenseMetadata
  #file: string | undefined

  /** @internal Takes ownership of the network. */
  constructor(network: Network, metadata: DenseMetadata, file?: string) {
    super(network)
    this.metadata = metadata
    this.#file = file
  }

  /** For reports. */
  async identity(): Promise<ModelIdentity> {
    const { format, arch, width, classes, inChannels, imageSize, normalisation } = this.metadata
    const { mean, std } = normalisation
    const metadata = { format, arch, width, classes, inChannels, imageSize, mean, std }
    const hash = checksum({ metadata: strings(metadata), tensors: await this.#tensors() })
    return { kind: 'dense model', ...(this.#file && { file: this.#file }), hash, arch, width }
  }

  /** Writes weights and running statistics as safetensors, atomically. */
  async save(path: string): Promise<void> {
    const tensors = await this.#tensors()
    await writeFileAtomic(path, encodeSafetensors({ metadata: strings(this.metadata), tensors }))
    this.#file = path
  }

  async #tensors(): Promise<Map<string, StoredTensor>> {
    const tensors = new Map<string, StoredTensor>()
    for (const { spec, weight } of this.network.convolutions) {
      tensors.set(`${spec.name}.weight`, { dtype: 'F32', shape: spec.weightShape, data: await weight.data() })
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

/**
 * Reads what `DenseModel.save` wrote.
 * @throws TicketError naming the field or tensor at fault
 */
export async function loadDense(
  path: string,
  { device, threads }: { device?: 'auto' | 'cpu' | Device; threads?: number } = {},
): Promise<DenseModel> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new TicketError(
      `Cannot read the dense model ${path}: ${error.message}. Give the path of a model that rst train saved.`,
      'file',
      { cause: error },
    )
  })
  const file = decodeSafetensors(bytes, path)
  const metadata = decodeMetadata(file.metadata, path)
  const network = models.create(metadata.arch, {
    ...metadata,
    ...metadata.normalisation,
    device: resolveDevice(device, threads),
  })
  const take = (name: string, shape: readonly number[]): Float32Array<ArrayBuffer> => {
    const stored = file.tensors.get(name)
    if (stored?.dtype !== 'F32' || stored.shape.join() !== shape.join()) {
      const came = stored ? `${stored.dtype} of [${stored.shape.join(', ')}]` : 'nothing'
      throw new TicketError(
        `${path}: expected F32 of [${shape.join(', ')}] for ${name} of ${metadata.arch} but found ${came}.`,
        name,
      )
    }
    return Float32Array.from(stored.data)
  }
  try {
    for (const layer of network.convolutions) {
      const { name, weightShape } = layer.spec
      const weight = take(`${name}.weight`, weightShape)
      layer.weight = outsideScopes(() => tensor(weight, weightShape, { device: network.device }))
    }
    for (const layer of network.batchNorms) {
      const { name, channels } = layer.spec
      layer.setRunning(take(`${name}.running_mean`, [channels]), take(`${name}.running_var`, [channels]))
    }
  } catch (error) {
    network.dispose()
    throw error
  }
  return new DenseModel(network, metadata, path)
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
      value = JSON.parse(strings[field])
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
  return {
    format: denseFormat,
    arch,
    width: json('width', 'a number above 0', v => typeof v === 'number' && v > 0) as number,
    classes: json('classes', 'a whole number', isCount) as number,
    inChannels: json('inChannels', 'a whole number', isCount) as number,
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
