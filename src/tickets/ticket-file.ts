// The ticket file: a safetensors file whose metadata and tensors are those of TicketData.
//
//   <layer>.mask           U8, the packed bits
//   <bn>.running_mean      F32 [channels]
//   <bn>.running_var       F32 [channels]
//   <layer>.weight         F32 [kept weights], fine-tuned tickets only
//
// Beside the fields of TicketMetadata the header has `weightShapes` (JSON, by layer) and `sha256`, the SHA-256 of
// all the rest: of each metadata field, by name, `name NUL value NUL`, then of each tensor, by name,
// `name NUL dtype NUL shape joined by commas NUL` and its bytes.
import { createHash } from 'node:crypto'
import { bufferSourceToUint8Array, concatUint8Arrays } from 'typed-array-utils'
import { TicketError } from '../errors.ts'
import {
  decodeSafetensors,
  decodeSafetensorsHeader,
  encodeSafetensors,
  type SafetensorsFile,
  type StoredTensor,
} from '../files/safetensors.ts'
import { type Architecture, checkArchitecture } from './architecture-check.ts'
import { checkTicket } from './ticket-check.ts'
import { type LayerMask, maskShape, type TicketData } from './ticket-data.ts'
import { canonicalJson, decodeMetadata, encodeMetadata } from './ticket-metadata.ts'

/**
 * The bytes of a ticket file, a function of `ticket` alone.
 * @throws TicketError naming the field that a reader would refuse
 */
export function encodeTicket(ticket: TicketData): Uint8Array {
  const metadata = encodeMetadata(ticket.metadata)
  checkTicket(ticket, 'The ticket')
  const tensors = new Map<string, StoredTensor>()
  const weightShapes: Record<string, readonly number[]> = {}
  for (const [layer, { weightShape, bits }] of ticket.masks) {
    weightShapes[layer] = weightShape
    tensors.set(`${layer}.mask`, { dtype: 'U8', shape: [bits.length], data: bits })
  }
  const floats = [
    ['running_mean', ticket.runningMean],
    ['running_var', ticket.runningVar],
    ['weight', ticket.weights ?? new Map()],
  ] as const
  for (const [kind, values] of floats) {
    for (const [name, data] of values)
      tensors.set(`${name}.${kind}`, { dtype: 'F32', shape: [data.length], data })
  }
  metadata.weightShapes = canonicalJson(weightShapes)!
  metadata.sha256 = digest({ metadata, tensors })
  return concatUint8Arrays(...encodeSafetensors({ metadata, tensors }))
}

/**
 * Reads and proves a ticket. Arrays of the result are views on `bytes` where alignment allows.
 * @param file named in errors
 * @param expected the layers of the architecture that the ticket is to be loaded into
 * @throws TicketError naming the field that is wrong, what was expected and what came
 */
export function decodeTicket(bytes: Uint8Array, file: string, expected?: Architecture): TicketData {
  const metadata = decodeMetadata(decodeSafetensorsHeader(bytes, file).metadata, file)
  const stored = decodeSafetensors(bytes, file)
  if (stored.metadata.sha256 !== digest(stored)) {
    throw new TicketError(
      `${file}: the content does not match the checksum in metadata field sha256: the file is damaged or was edited; fetch or save it again.`,
      'sha256',
    )
  }
  const weightShapes = parseWeightShapes(stored.metadata.weightShapes, file)
  const masks = new Map<string, LayerMask>()
  const runningMean = new Map<string, Float32Array>()
  const runningVar = new Map<string, Float32Array>()
  const weights = new Map<string, Float32Array>()
  for (const [tensorName, tensor] of stored.tensors) {
    const [, name, kind] = /^(.+)\.(mask|running_mean|running_var|weight)$/s.exec(tensorName) ?? []
    if (kind === 'mask') {
      const weightShape = weightShapes.get(name)
      if (weightShape === undefined) {
        throw new TicketError(
          `${file}: metadata field weightShapes has no shape for layer ${name}.`,
          'weightShapes',
        )
      }
      const bits = vector(tensorName, tensor, 'U8', file) as Uint8Array
      masks.set(name, { weightShape, shape: maskShape(metadata.pattern, weightShape), bits })
    } else if (kind !== undefined) {
      const values = { running_mean: runningMean, running_var: runningVar, weight: weights }[kind]!
      values.set(name, vector(tensorName, tensor, 'F32', file) as Float32Array)
    } else {
      throw new TicketError(
        `${file}: tensor ${tensorName} does not belong in a ticket, whose tensors end in .mask, .running_mean, .running_var or .weight.`,
        tensorName,
      )
    }
  }
  for (const layer of weightShapes.keys()) {
    if (!masks.has(layer)) throw new TicketError(`${file}: tensor ${layer}.mask is missing.`, `${layer}.mask`)
  }
  const ticket = { metadata, masks, runningMean, runningVar, ...(weights.size > 0 && { weights }) }
  checkTicket(ticket, file)
  if (expected !== undefined) checkArchitecture(ticket, expected, file)
  return ticket
}

function vector(name: string, { dtype, shape, data }: StoredTensor, expected: 'U8' | 'F32', file: string) {
  if (dtype !== expected || shape.length !== 1) {
    throw new TicketError(
      `${file}: tensor ${name} must be a vector of ${expected} but is ${dtype} of shape [${shape.join(', ')}].`,
      name,
    )
  }
  return data
}

function parseWeightShapes(stored: string | undefined, file: string): Map<string, number[]> {
  let shapes: unknown
  try {
    shapes = JSON.parse(stored ?? '')
  } catch {}
  const isShape = (shape: unknown) =>
    Array.isArray(shape) && shape.length === 4 && shape.every(size => Number.isSafeInteger(size) && size >= 1)
  if (
    typeof shapes !== 'object' ||
    shapes === null ||
    Array.isArray(shapes) ||
    !Object.values(shapes).every(isShape)
  ) {
    throw new TicketError(
      `${file}: metadata field weightShapes must give [K, C, R, S] for each layer.`,
      'weightShapes',
    )
  }
  return new Map(Object.entries(shapes))
}

function digest({ metadata, tensors }: SafetensorsFile): string {
  const hash = createHash('sha256')
  const sorted = <T>(entries: Iterable<[string, T]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, value] of sorted(Object.entries(metadata))) {
    if (name !== 'sha256') hash.update(`${name}\0${value}\0`)
  }
  for (const [name, { dtype, shape, data }] of sorted(tensors)) {
    hash.update(`${name}\0${dtype}\0${shape.join(',')}\0`)
    hash.update(bufferSourceToUint8Array(data))
  }
  return hash.digest('hex')
}
