// The safetensors format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
// https://github.com/huggingface/safetensors#format
//
// Written files are a function of their content alone. Tensors lie in the order of the reference writer, larger
// elements first and then by name, so that each starts at a multiple of its element size and can be viewed in
// place.
import { bufferSourceToDataView, bufferSourceToUint8Array } from 'typed-array-utils'
import { TicketError } from '../errors.ts'
import { parseJson } from './json.ts'

const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  U8: Uint8Array,
} as const

export type Dtype = keyof typeof arrays
interface DataOf {
  F64: Float64Array
  F32: Float32Array
  I64: BigInt64Array
  U64: BigUint64Array
  I32: Int32Array
  U32: Uint32Array
  U8: Uint8Array
}

/** A tensor as stored: `data` holds the product of `shape` elements, row-major. */
export type StoredTensor = { [D in Dtype]: { dtype: D; shape: readonly number[]; data: DataOf[D] } }[Dtype]

export interface SafetensorsFile {
  metadata: Record<string, string>
  tensors: Map<string, StoredTensor>
}

/** The header of a file whose structure is proven, before any tensor is looked at. */
export interface SafetensorsHeader {
  metadata: Record<string, string>
  entries: { name: string; dtype: string; shape: number[]; begin: number; end: number }[]
  /** Offset of the first tensor byte in the file; `begin` and `end` count from here. */
  dataOffset: number
}

/** Ten times what the largest networks need; the header is parsed before anything in it can be proven. */
const maxHeaderBytes = 1 << 24

/**
 * The file's bytes as chunks: the header, then the bytes of each tensor as views, so that a large file is
 * written without being copied. Metadata and tensors are ordered here; insertion order has no influence.
 */
export function encodeSafetensors(file: SafetensorsFile): Uint8Array<ArrayBuffer>[] {
  const header: Record<string, unknown> = Object.create(null)
  const metadata = Object.entries(file.metadata).sort(byName)
  if (metadata.length > 0) header.__metadata__ = Object.fromEntries(metadata)
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let offset = 0
  for (const [name, tensor] of [...file.tensors].sort(byAlignmentAndName)) {
    if (name === '__metadata__')
      throw new TicketError('A tensor cannot be named __metadata__: choose another name.', name)
    const { dtype, shape, data } = tensor
    // By tag and not by instanceof: arrays may come from another realm, such as a test runner's.
    if (data[Symbol.toStringTag] !== arrays[dtype].name || data.length !== product(shape)) {
      throw new TicketError(
        `Tensor ${name} of dtype ${dtype} and shape [${shape.join(', ')}] needs ${product(shape)} elements of a ${arrays[dtype].name} but got a ${data.constructor.name} of ${data.length}.`,
        name,
      )
    }
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
    chunks.push(bufferSourceToUint8Array(data as BufferSource) as Uint8Array<ArrayBuffer>)
  }
  return [encodeHeader(JSON.stringify(header)), ...chunks]
}

/** Length and text of the header, padded with spaces so that the tensors start at a multiple of 8. */
function encodeHeader(json: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json)
  const length = Math.ceil(text.length / 8) * 8
  const bytes = new Uint8Array(8 + length).fill(0x20)
  bufferSourceToDataView(bytes).setBigUint64(0, BigInt(length), true)
  bytes.set(text, 8)
  return bytes
}

/**
 * Reads a whole file. Tensors are views on `bytes` where their alignment allows, copies otherwise.
 * @param file named in errors
 * @throws TicketError naming the field or tensor that is wrong
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const { metadata, entries, dataOffset } = decodeSafetensorsHeader(bytes, file)
  const tensors = new Map<string, StoredTensor>()
  for (const { name, dtype, shape, begin, end } of entries) {
    if (!isDtype(dtype)) {
      throw new TicketError(
        `${file}: tensor ${name} has dtype ${dtype}; this package reads ${Object.keys(arrays).join(', ')}.`,
        name,
      )
    }
    const data = viewOrCopy(dtype, bytes, dataOffset + begin, dataOffset + end)
    tensors.set(name, { dtype, shape, data } as StoredTensor)
  }
  return { metadata, tensors }
}

function viewOrCopy(dtype: Dtype, bytes: Uint8Array, begin: number, end: number) {
  const ArrayType = arrays[dtype]
  const size = ArrayType.BYTES_PER_ELEMENT
  const start = bytes.byteOffset + begin
  if (start % size === 0) return new ArrayType(bytes.buffer as ArrayBuffer, start, (end - begin) / size)
  // Not by slice, which a Buffer understands as a view.
  const copy = new Uint8Array(end - begin)
  copy.set(bytes.subarray(begin, end))
  return new ArrayType(copy.buffer)
}

/**
 * Reads and proves the header: its size, its JSON, and that the tensors fill the rest of the file without gap
 * or overlap. Entries come back in file order.
 * @throws TicketError naming the field or tensor that is wrong
 */
export function decodeSafetensorsHeader(bytes: Uint8Array, file: string): SafetensorsHeader {
  const wrong = (message: string, field: string) => new TicketError(`${file}: ${message}`, field)
  if (bytes.length < 8) {
    throw wrong(
      `expected a safetensors file, which starts with 8 bytes of header length, but it has ${bytes.length} bytes.`,
      'file',
    )
  }
  const length = bufferSourceToDataView(bytes as BufferSource).getBigUint64(0, true)
  if (length < 2n || length > BigInt(Math.min(maxHeaderBytes, bytes.length - 8))) {
    throw wrong(
      `the header length is ${length} but must be from 2 to ${Math.min(maxHeaderBytes, bytes.length - 8)} in a file of ${bytes.length} bytes: this is not a safetensors file, or it is cut short.`,
      'header',
    )
  }
  const dataOffset = 8 + Number(length)
  const header = parseHeader(bytes.subarray(8, dataOffset), reason =>
    wrong(
      `the header is not a JSON object${reason}: this is not a safetensors file, or it is damaged.`,
      'header',
    ),
  )

  const metadata: Record<string, string> = Object.create(null)
  if (Object.hasOwn(header, '__metadata__')) {
    if (!isRecord(header.__metadata__))
      throw wrong('__metadata__ must be an object of strings.', '__metadata__')
    for (const [key, value] of Object.entries(header.__metadata__)) {
      if (typeof value !== 'string')
        throw wrong(`metadata ${key} must be a string but is ${JSON.stringify(value)}.`, key)
      metadata[key] = value
    }
  }

  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => parseEntry(name, entry, wrong))
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  let offset = 0
  for (const { name, begin, end } of entries) {
    if (begin !== offset) {
      throw wrong(
        `the data of tensor ${name} must start at offset ${offset}, where the one before it ends, but start at ${begin}.`,
        name,
      )
    }
    offset = end
  }
  if (dataOffset + offset !== bytes.length) {
    throw wrong(
      `the header describes a file of ${dataOffset + offset} bytes but the file has ${bytes.length}: it is cut short or has bytes too many.`,
      'file',
    )
  }
  return { metadata, entries, dataOffset }
}

function parseEntry(name: string, entry: unknown, wrong: (message: string, field: string) => TicketError) {
  if (!isRecord(entry)) throw wrong(`tensor ${name} must be described by an object.`, name)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string') throw wrong(`the dtype of tensor ${name} must be a string.`, name)
  if (!isSizes(shape) || !Number.isSafeInteger(product(shape))) {
    throw wrong(`the shape of tensor ${name} must be a list of sizes but is ${JSON.stringify(shape)}.`, name)
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw wrong(
      `data_offsets of tensor ${name} must be [begin, end] but is ${JSON.stringify(offsets)}.`,
      name,
    )
  }
  const [begin, end] = offsets
  if (isDtype(dtype) && end - begin !== product(shape) * arrays[dtype].BYTES_PER_ELEMENT) {
    throw wrong(
      `tensor ${name} of dtype ${dtype} and shape [${shape.join(', ')}] needs ${product(shape) * arrays[dtype].BYTES_PER_ELEMENT} bytes but data_offsets give it ${end - begin}.`,
      name,
    )
  }
  return { name, dtype, shape, begin, end }
}

function parseHeader(bytes: Uint8Array, wrong: (reason: string) => TicketError): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw wrong(error instanceof SyntaxError ? ` (${error.message})` : '')
  }
  if (!isRecord(value)) throw wrong('')
  return value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0)
}

function isDtype(dtype: string): dtype is Dtype {
  return Object.hasOwn(arrays, dtype)
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1)
}

function byName<T>([a]: [string, T], [b]: [string, T]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byAlignmentAndName(a: [string, StoredTensor], b: [string, StoredTensor]): number {
  return b[1].data.BYTES_PER_ELEMENT - a[1].data.BYTES_PER_ELEMENT || byName(a, b)
}
