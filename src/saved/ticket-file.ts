// The ticket file: a safetensors file whose metadata and tensors are those of TicketData.
//
//   <layer>.mask           U8, the packed bits
//   <bn>.running_mean      F32 [channels]
//   <bn>.running_var       F32 [channels]
//   <layer>.weight         F32 [kept weights], fine-tuned tickets only, as what follows
//   <layer>.bias           F32 [outputs]
//   <bn>.gamma, <bn>.beta  F32 [channels]
//
// Beside the fields of TicketMetadata the header has `weightShapes` (JSON, by layer) and `sha256` (files/sealed.ts).
import { concatUint8Arrays } from 'typed-array-utils'
import { TicketError } from '../errors.ts'
import { decodeSafetensorsHeader, type StoredTensor } from '../files/safetensors.ts'
import { checksum, decodeSealed, encodeSealed } from '../files/sealed.ts'
import { maskShape } from '../nn/pattern.ts'
import { type Architecture, checkArchitecture } from './architecture-check.ts'
import { checkTicket } from './ticket-check.ts'
import type { LayerMask, TicketData } from './ticket-data.ts'
import { canonicalJson, decodeMetadata, encodeMetadata } from './ticket-metadata.ts'

/**
 * The bytes of a ticket file, a function of `ticket` alone.
 * @throws TicketError naming the field that a reader would refuse
 */
export function encodeTicket(ticket: TicketData): Uint8Array {
  const metadata = encodeMetadata(ticket.metadata)
  checkTicket(ticket, 'The ticket')
  const weightShapes = Object.fromEntries([...ticket.masks].map(([layer, mask]) => [layer, mask.weightShape]))
  metadata.weightShapes = canonicalJson(weightShapes)!
  return concatUint8Arrays(...encodeSealed({ metadata, tensors: tensorsOf(ticket) }))
}

/** What the answers of a ticket depend on, beside its tensors. */
const identifying = [
  'format',
  'arch',
  'width',
  'classes',
  'inChannels',
  'imageSize',
  'init',
  'weightSeed',
  'pattern',
  'normalisation',
] as const

/**
 * SHA-256 of all that the answers of a ticket depend on: the same for a ticket whose accuracies were noted, or whose
 * recipe is told otherwise. It is the checksum (files/sealed.ts) of a file without the other metadata.
 */
export function ticketHash(ticket: TicketData): string {
  const metadata = Object.fromEntries(
    identifying.map(field => {
      const value = ticket.metadata[field]
      return [field, typeof value === 'string' ? value : canonicalJson(value)!]
    }),
  )
  return checksum({ metadata, tensors: tensorsOf(ticket) })
}

function tensorsOf(ticket: TicketData): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>()
  for (const [layer, { bits }] of ticket.masks) {
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
  for (const [name, data] of ticket.biasesAndAffine ?? [])
    tensors.set(name, { dtype: 'F32', shape: [data.length], data })
  return tensors
}

/**
 * Reads and proves a ticket. Arrays of the result are views on `bytes` where alignment allows.
 * @param file named in errors
 * @param expected the layers of the architecture that the ticket is to be loaded into
 * @throws TicketError naming the field that is wrong, what was expected and what came
 */
export function decodeTicket(bytes: Uint8Array, file: string, expected?: Architecture): TicketData {
  const metadata = decodeMetadata(decodeSafetensorsHeader(bytes, file).metadata, file)
  const stored = decodeSealed(bytes, file, 'fetch or save it again')
  const weightShapes = parseWeightShapes(stored.metadata.weightShapes, file)
  const masks = new Map<string, LayerMask>()
  const runningMean = new Map<string, Float32Array>()
  const runningVar = new Map<string, Float32Array>()
  const weights = new Map<string, Float32Array>()
  const biasesAndAffine = new Map<string, Float32Array>()
  for (const [tensorName, tensor] of stored.tensors) {
    const [, name, kind] = tensorNames.exec(tensorName) ?? []
    if (kind === 'mask') {
      const weightShape = weightShapes.get(name)
      if (weightShape === undefined) {
        throw new TicketError(
          `${file}: metadata field weightShapes has no shape for layer ${name}.`,
          'weightShapes',
        )
      }
      const bits = vector(tensorName, tensor, 'U8', file) as Uint8Array
      masks.set(name, { weightShape, shape: maskShape(weightShape, metadata.pattern), bits })
    } else if (kind === 'bias' || kind === 'gamma' || kind === 'beta') {
      biasesAndAffine.set(tensorName, vector(tensorName, tensor, 'F32', file) as Float32Array)
    } else if (kind !== undefined) {
      const values = { running_mean: runningMean, running_var: runningVar, weight: weights }[kind]!
      values.set(name, vector(tensorName, tensor, 'F32', file) as Float32Array)
    } else {
      throw new TicketError(
        `${file}: tensor ${tensorName} does not belong in a ticket, whose tensors end in .mask, .running_mean, .running_var, .weight, .bias, .gamma or .beta.`,
        tensorName,
      )
    }
  }
  for (const layer of weightShapes.keys()) {
    if (!masks.has(layer)) throw new TicketError(`${file}: tensor ${layer}.mask is missing.`, `${layer}.mask`)
  }
  const ticket = {
    ...{ metadata, masks, runningMean, runningVar },
    ...(weights.size > 0 && { weights }),
    ...(biasesAndAffine.size > 0 && { biasesAndAffine }),
  }
  checkTicket(ticket, file)
  if (expected !== undefined) checkArchitecture(ticket, expected, file)
  return ticket
}

const tensorNames = /^(.+)\.(mask|running_mean|running_var|weight|bias|gamma|beta)$/s

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
