import fc from 'fast-check'
import { concatUint8Arrays } from 'typed-array-utils'
import { describe, expect, it } from 'vitest'
import { TicketError } from '../../src/errors.ts'
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsFile,
  type StoredTensor,
} from '../../src/files/safetensors.ts'

const encode = (file: SafetensorsFile) => concatUint8Arrays(...encodeSafetensors(file))

/** A file with this header and `dataBytes` zero bytes of tensors. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const example: SafetensorsFile = {
  metadata: { b: 'second', a: 'first é' },
  tensors: new Map<string, StoredTensor>([
    ['odd', { dtype: 'U8', shape: [3], data: new Uint8Array([1, 2, 3]) }],
    ['z', { dtype: 'F32', shape: [2, 1], data: new Float32Array([0.5, -1]) }],
    ['a', { dtype: 'F32', shape: [], data: new Float32Array([7]) }],
    ['i', { dtype: 'I32', shape: [1], data: new Int32Array([-5]) }],
    ['s', { dtype: 'I64', shape: [1], data: new BigInt64Array([-5n]) }],
    ['u', { dtype: 'U64', shape: [1], data: new BigUint64Array([2n ** 64n - 1n]) }],
    ['none', { dtype: 'F32', shape: [0, 3], data: new Float32Array(0) }],
  ]),
}

describe('encodeSafetensors', () => {
  it('writes the format to the byte', () => {
    const bytes = encode({
      metadata: { k: 'v' },
      tensors: new Map<string, StoredTensor>([
        ['t', { dtype: 'U8', shape: [2], data: new Uint8Array([9, 8]) }],
      ]),
    })
    const header = '{"__metadata__":{"k":"v"},"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8)
    expect(bytes[0]).toBe(padded.length)
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded)
    expect([...bytes.subarray(8 + padded.length)]).toEqual([9, 8])
  })

  it('does not depend on the order of insertion', () => {
    const reversed = {
      metadata: Object.fromEntries(Object.entries(example.metadata).reverse()),
      tensors: new Map([...example.tensors].reverse()),
    }
    expect(encode(reversed)).toEqual(encode(example))
  })

  it('does not copy tensors', () => {
    const data = new Float32Array(16)
    const chunks = encodeSafetensors({
      metadata: {},
      tensors: new Map([['t', { dtype: 'F32', shape: [16], data }]]),
    })
    expect(chunks[1].buffer).toBe(data.buffer)
  })

  it('refuses data that do not fit the shape or the dtype', () => {
    const wrongLength: StoredTensor = { dtype: 'F32', shape: [3], data: new Float32Array(2) }
    expect(() => encode({ metadata: {}, tensors: new Map([['t', wrongLength]]) })).toThrow(TicketError)
    const wrongType = { dtype: 'F32', shape: [2], data: new Int32Array(2) } as unknown as StoredTensor
    expect(() => encode({ metadata: {}, tensors: new Map([['t', wrongType]]) })).toThrow(
      'got a Int32Array of 2',
    )
  })
})

describe('decodeSafetensors', () => {
  it('reads what was written, in place', () => {
    const bytes = encode(example)
    const { metadata, tensors } = decodeSafetensors(bytes, 'f')
    expect({ ...metadata }).toEqual(example.metadata)
    expect(new Map([...tensors].sort())).toEqual(new Map([...example.tensors].sort()))
    for (const tensor of tensors.values()) expect(tensor.data.buffer).toBe(bytes.buffer)
  })

  it('reads a file that starts at an odd address', () => {
    const bytes = encode(example)
    const shifted = new Uint8Array(bytes.length + 1).subarray(1)
    shifted.set(bytes)
    expect(decodeSafetensors(shifted, 'f').tensors).toEqual(decodeSafetensors(bytes, 'f').tensors)
  })

  const entry = (change: object = {}) => ({ dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change })
  it.each([
    ['an empty file', new Uint8Array(0), 'file', 'has 0 bytes'],
    [
      'a header longer than the file',
      fileOf({}).fill(255, 0, 8),
      'header',
      'header length is 18446744073709551615',
    ],
    ['a header that is not JSON', fileOf('nonsense'), 'header', 'not a JSON object'],
    ['a header that is a list', fileOf([1]), 'header', 'not a JSON object'],
    ['metadata that are no strings', fileOf({ __metadata__: { k: 1 } }), 'k', 'must be a string but is 1'],
    [
      'an unknown dtype',
      fileOf({ t: entry({ dtype: 'BF16', data_offsets: [0, 4] }) }, 4),
      't',
      'has dtype BF16',
    ],
    ['a negative size', fileOf({ t: entry({ shape: [-2] }) }, 8), 't', 'list of sizes but is [-2]'],
    ['a size past 2^53', fileOf({ t: entry({ shape: [2 ** 52, 2 ** 52] }) }, 8), 't', 'list of sizes'],
    [
      'a shape that does not fit',
      fileOf({ t: entry({ shape: [3] }) }, 8),
      't',
      'needs 12 bytes but data_offsets give it 8',
    ],
    [
      'offsets in the wrong order',
      fileOf({ t: entry({ data_offsets: [8, 0] }) }, 8),
      't',
      'must be [begin, end]',
    ],
    ['a gap', fileOf({ t: entry({ data_offsets: [4, 12] }) }, 12), 't', 'must start at offset 0'],
    [
      'an overlap',
      fileOf({ t: entry(), u: entry({ data_offsets: [4, 12] }) }, 12),
      'u',
      'must start at offset 8',
    ],
    ['a file cut short', fileOf({ t: entry() }, 7), 'file', 'cut short'],
    ['bytes too many', fileOf({ t: entry() }, 9), 'file', 'bytes too many'],
    ['an entry that is no object', fileOf({ t: 5 }), 't', 'must be described by an object'],
  ])('refuses %s', (_, bytes, field, message) => {
    try {
      decodeSafetensors(bytes, 'some.file')
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(TicketError)
      expect((error as TicketError).field).toBe(field)
      expect((error as TicketError).message).toContain(message)
      expect((error as TicketError).message).toContain('some.file')
    }
  })

  it('throws nothing but TicketError, whatever the bytes', () => {
    const bytes = encode(example)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        changes => {
          const damaged = bytes.slice()
          for (const [at, value] of changes) damaged[at] = value
          try {
            decodeSafetensors(damaged, 'f')
          } catch (error) {
            expect(error).toBeInstanceOf(TicketError)
          }
        },
      ),
      { numRuns: 2000, seed: 1 },
    )
  })
})
