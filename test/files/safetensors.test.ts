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
import { encodeSealed } from '../../src/files/sealed.ts'

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

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'reads headers of any length, %i more than a multiple of 8, from Buffers anywhere',
    rest => {
      const data = new Float32Array([0.5, -1])
      const long = new BigInt64Array([-5n, 2n ** 40n])
      const text = JSON.stringify({
        t: { dtype: 'F32', shape: [2], data_offsets: [16, 24] },
        l: { dtype: 'I64', shape: [2], data_offsets: [0, 16] },
        b: { dtype: 'U8', shape: [3], data_offsets: [24, 27] },
      })
      const header = text.padEnd(Math.ceil(text.length / 8) * 8 + rest)
      const file = Buffer.concat([
        new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer),
        Buffer.from(header),
        new Uint8Array(long.buffer),
        new Uint8Array(data.buffer),
        Buffer.from([1, 2, 3]),
      ])
      for (let offset = 0; offset < 9; offset++) {
        // As fs.readFile gives them, and as Buffer.from does: views on a pool.
        const pool = Buffer.alloc(file.length + 20)
        file.copy(pool, offset)
        for (const bytes of [
          pool.subarray(offset, offset + file.length),
          new Uint8Array(pool.buffer, pool.byteOffset + offset, file.length),
        ]) {
          const { tensors } = decodeSafetensors(bytes, 'f')
          expect(tensors.get('t')!.data).toEqual(data)
          expect(tensors.get('l')!.data).toEqual(long)
          expect(tensors.get('b')!.data).toEqual(new Uint8Array([1, 2, 3]))
        }
      }
    },
  )

  it('keeps what is named as properties of all objects are', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '']
    const file: SafetensorsFile = {
      metadata: Object.fromEntries(names.map(name => [name, `of ${name}`])),
      tensors: new Map(
        names.map(name => [name, { dtype: 'U8', shape: [1], data: new Uint8Array([name.length]) }]),
      ),
    }
    for (const bytes of [encode(file), concatUint8Arrays(...encodeSealed(file))]) {
      const { metadata, tensors } = decodeSafetensors(bytes, 'f')
      expect(
        Object.entries(metadata)
          .filter(([name]) => name !== 'sha256')
          .sort(),
      ).toEqual(Object.entries(file.metadata).sort())
      expect([...tensors.keys()].sort()).toEqual([...names].sort())
      for (const name of names) expect([...tensors.get(name)!.data]).toEqual([name.length])
    }
    expect(({} as Record<string, unknown>).dtype).toBeUndefined()
  })

  it('reads tensors of no elements wherever they stand', () => {
    const none = (at: number, shape: number[]) => ({ dtype: 'F32', shape, data_offsets: [at, at] })
    const t = { dtype: 'U8', shape: [2], data_offsets: [0, 2] }
    const bytes = fileOf({ a: none(0, [0]), t, b: none(2, [3, 0]), c: none(2, [0, 2 ** 31, 5]) }, 2)
    const { tensors } = decodeSafetensors(bytes, 'f')
    expect([...tensors].map(([name, { data }]) => [name, data.length])).toEqual([
      ['a', 0],
      ['t', 2],
      ['b', 0],
      ['c', 0],
    ])
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
      'a size past all numbers',
      fileOf({ t: entry({ shape: new Array(40).fill(2 ** 50) }) }, 8),
      't',
      'list of sizes',
    ],
    [
      'no size of infinitely many',
      fileOf({ t: entry({ shape: [...new Array(40).fill(2 ** 50), 0] }) }, 8),
      't',
      'list of sizes',
    ],
    ['a size of half an element', fileOf({ t: entry({ shape: [1.5] }) }, 8), 't', 'list of sizes'],
    [
      'a name twice',
      fileOf(`{"t":${JSON.stringify(entry())},"t":${JSON.stringify(entry())}}`, 8),
      'header',
      'the name "t" twice',
    ],
    [
      'a name twice in other letters',
      fileOf(`{"t":${JSON.stringify(entry())},"\\u0074":1}`, 8),
      'header',
      'the name "t" twice',
    ],
    ['a metadata name twice', fileOf('{"__metadata__":{"a":"1","a":"2"}}'), 'header', 'the name "a" twice'],
    [
      'a field twice',
      fileOf('{"t":{"dtype":"F32","dtype":"U8","shape":[2],"data_offsets":[0,8]}}', 8),
      'header',
      'twice',
    ],
    ['a header that is too deep', fileOf('['.repeat(1e6)), 'header', 'nested deeper than 64'],
    [
      'a deep header of objects',
      fileOf(`${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`),
      'header',
      'nested deeper',
    ],
    [
      'a header that is too large',
      fileOf(`{}${' '.repeat(17 << 20)}`),
      'header',
      'must be from 2 to 16777216',
    ],
    ['a header that starts with a byte order mark', fileOf('\ufeff{}'), 'header', 'not a JSON object'],
    [
      'a header that is no UTF-8',
      fileOf({ é: 1 }).map(v => (v === 0xc3 ? 0xff : v)),
      'header',
      'not a JSON object',
    ],
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
