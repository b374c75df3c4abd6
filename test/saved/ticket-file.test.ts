import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { concatUint8Arrays } from 'typed-array-utils'
import { describe, expect, it } from 'vitest'
import { TicketError } from '../../src/errors.ts'
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from '../../src/files/safetensors.ts'
import { checkArchitecture } from '../../src/saved/architecture-check.ts'
import { readTicket, writeTicket } from '../../src/saved/stored-ticket.ts'
import { decodeTicket, encodeTicket, ticketHash } from '../../src/saved/ticket-file.ts'
import { architecture, exampleTicket } from './example-ticket.ts'

/** The error of `action`, which must be a TicketError. */
function ticketError(action: () => unknown): TicketError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(TicketError)
    return error as TicketError
  }
  return expect.unreachable('no error was thrown')
}

/** A valid ticket file with `edit` applied to its content and the checksum made right again. */
function edited(edit: (file: SafetensorsFile) => void, ticket = exampleTicket()): Uint8Array {
  const file = decodeSafetensors(encodeTicket(ticket), 'f')
  edit(file)
  const hash = createHash('sha256')
  for (const name of Object.keys(file.metadata).sort()) {
    if (name !== 'sha256') hash.update(`${name}\0${file.metadata[name]}\0`)
  }
  for (const name of [...file.tensors.keys()].sort()) {
    const { dtype, shape, data } = file.tensors.get(name)!
    hash.update(`${name}\0${dtype}\0${shape.join(',')}\0`)
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  file.metadata.sha256 = hash.digest('hex')
  return concatUint8Arrays(...encodeSafetensors(file))
}

describe('a ticket file', () => {
  it.each(['element', 'row', 'kernel', 'channel'] as const)('keeps all of a %s ticket', pattern => {
    for (const fineTuned of [false, true]) {
      const ticket = exampleTicket({ pattern }, fineTuned)
      expect(decodeTicket(encodeTicket(ticket), 'f', architecture)).toEqual(ticket)
    }
  })

  it('is a function of the content alone', () => {
    const ticket = exampleTicket()
    const reversed = {
      ...ticket,
      metadata: { ...ticket.metadata, recipe: { inner: { eps: 0.1, name: 'pgd' }, epochs: 2 } },
      masks: new Map([...ticket.masks].reverse()),
      runningMean: new Map([...ticket.runningMean].reverse()),
    }
    expect(encodeTicket(reversed)).toEqual(encodeTicket(ticket))
  })

  it('is written and read again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rst-ticket-'))
    const path = join(folder, 'ticket.safetensors')
    await writeTicket(path, exampleTicket({}, true))
    expect(await readTicket(path)).toEqual(exampleTicket({}, true))
    await expect(readTicket(join(folder, 'none'))).rejects.toThrow('there is no such file')
    await expect(readTicket(folder)).rejects.toThrow('it is a folder')
    await rm(folder, { recursive: true })
  })

  it('with any byte changed gives a TicketError or the same content', () => {
    const bytes = encodeTicket(exampleTicket({}, true))
    const check = (damaged: Uint8Array) => {
      try {
        expect(decodeTicket(damaged, 'f')).toEqual(exampleTicket({}, true))
      } catch (error) {
        if (!(error instanceof TicketError)) throw error
      }
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        bytes[at] ^= flip
        check(bytes)
        bytes[at] ^= flip
      }
    }
    const position = fc.nat(bytes.length - 1)
    fc.assert(
      fc.property(fc.array(fc.tuple(position, fc.nat(255)), { minLength: 2, maxLength: 6 }), changes => {
        const damaged = bytes.slice()
        for (const [at, value] of changes) damaged[at] = value
        check(damaged)
      }),
      { numRuns: 500, seed: 1 },
    )
    for (let length = 0; length < bytes.length; length += 13) {
      expect(() => decodeTicket(bytes.subarray(0, length), 'f')).toThrow(TicketError)
    }
  })

  it('of another program is refused', () => {
    const foreign = encodeSafetensors({
      metadata: { format: 'pt' },
      tensors: new Map([['w', { dtype: 'F32', shape: [1], data: new Float32Array(1) }]]),
    })
    const error = ticketError(() => decodeTicket(concatUint8Arrays(...foreign), 'pytorch.safetensors'))
    expect(error.field).toBe('format')
    expect(error.message).toBe("pytorch.safetensors: metadata field format must be 'rst-ticket/1' but is pt.")
    const bare = encodeSafetensors({ metadata: {}, tensors: new Map() })
    expect(ticketError(() => decodeTicket(concatUint8Arrays(...bare), 'f')).message).toContain(
      'not a ticket of rst-native',
    )
  })
})

describe('what accuracies are of', () => {
  const data = { name: 'x test', images: 5, of: 9, which: { subsetSeed: 1 }, fingerprint: '0' } as const
  const of = { interval: [0.2, 0.9] as const, data, device: 'CPU', version: '0.1.0' }
  const attack = { name: 'pgd-20', norm: 'linf', eps: 0.1, settings: { steps: 20 }, seed: 3 } as const

  it('is kept, and may be missing, as in older tickets', () => {
    const measured = { natural: of, robust: { ...of, attack } }
    const ticket = decodeTicket(encodeTicket(exampleTicket({ measured })), 'f')
    expect(ticket.metadata.measured).toEqual(measured)
    expect(decodeTicket(encodeTicket(exampleTicket()), 'f').metadata).not.toHaveProperty('measured')
    expect(ticketHash(ticket)).toBe(ticketHash(exampleTicket()))
  })
})

describe('decodeTicket', () => {
  it.each([
    ['format', 'rst-ticket/2', 'needs another version'],
    ['arch', '', 'the name of an architecture'],
    ['width', '0', 'a number > 0 but is 0'],
    ['width', 'wide', 'a number > 0 but is wide'],
    ['classes', '1', 'an integer ≥ 2'],
    ['inChannels', '1.5', 'an integer ≥ 1'],
    ['inChannels', '3', 'normalisation must have 3 means'],
    ['imageSize', '[28]', '[height, width]'],
    ['init', 'zeros', 'one of signed-kaiming-constant'],
    ['weightSeed', '-1', 'an integer from 0'],
    ['scoreSeed', '9007199254740992', 'an integer from 0'],
    ['remainingRatio', '0', 'a number in (0, 1]'],
    ['remainingRatio', '1.5', 'a number in (0, 1]'],
    ['pattern', 'block', 'one of element, row'],
    ['dataset', '', 'the name of a data set'],
    ['normalisation', '{"mean":[0],"std":[0]}', 'std > 0'],
    ['recipe', '[]', 'a JSON object'],
    ['accuracies', '{"natural":65}', 'numbers in [0, 1]'],
    ['measured', '[]', 'says for each accuracy what it is of'],
    ['measured', '{"natural":{"interval":[0,1],"data":{},"device":"CPU","version":"1"}}', 'what it is of'],
    [
      'measured',
      '{"natural":{"interval":[0,1],"data":{"name":null,"images":5,"which":7,"fingerprint":"0"},"device":"CPU","version":"1"}}',
      'what it is of',
    ],
    [
      'measured',
      '{"robust":{"interval":[0,1],"data":{"name":null,"images":5,"which":"all","fingerprint":"0"},"attack":{"name":"pgd","norm":"l7","eps":0.1,"settings":{},"seed":0},"device":"CPU","version":"1"}}',
      'what it is of',
    ],
    ['libraryVersion', '', 'a version'],
    ['weightShapes', '{"conv1":[3]}', 'must give [K, C, R, S]'],
    ['weightShapes', '[', 'must give [K, C, R, S]'],
  ])('refuses %s = %s', (field, value, message) => {
    const error = ticketError(() =>
      decodeTicket(
        edited(file => (file.metadata[field] = value)),
        'f',
      ),
    )
    expect(error.message).toContain(message)
  })

  it.each(Object.keys(exampleTicket().metadata))('refuses a file without %s', field => {
    const error = ticketError(() =>
      decodeTicket(
        edited(file => delete file.metadata[field]),
        'f',
      ),
    )
    expect(error.field).toBe(field)
    expect(error.message).toContain('is missing')
  })

  const u8 = (...values: number[]) => ({
    dtype: 'U8' as const,
    shape: [values.length],
    data: Uint8Array.from(values),
  })
  const f32 = (...values: number[]) => ({
    dtype: 'F32' as const,
    shape: [values.length],
    data: Float32Array.from(values),
  })
  it.each([
    ['conv1.mask', u8(255, 0), 'must have 4 bytes for 27 bits but has 2'],
    ['conv1.mask', u8(0xff, 0, 0, 0x08), 'must have zeros after its last bit'],
    ['conv1.mask', u8(0xff, 1, 0, 0), 'must keep 8 of 27 at remainingRatio 0.3 but keeps 9'],
    ['conv1.mask', f32(1), 'must be a vector of U8 but is F32'],
    ['bn1.running_mean', f32(0, Number.NaN, 0), 'must be finite but element 1 is NaN'],
    ['bn1.running_var', f32(0, 0, -1), 'must be finite and ≥ 0 but element 2 is -1'],
    ['bn1.running_var', f32(0, 0), 'must have 3 channels'],
    ['bn3.running_mean', f32(0), 'bn3.running_var is missing'],
    ['bn3.running_var', f32(0), 'bn3.running_mean is missing'],
    ['conv1.weight', f32(1), 'must have the 8 kept weights but has 1'],
    ['conv1.weight', f32(...new Array(7).fill(0), Number.POSITIVE_INFINITY), 'element 7 is Infinity'],
    ['conv2.weight', f32(...new Array(41).fill(0)), 'conv1.weight is missing'],
    ['other', u8(1), 'does not belong in a ticket'],
    ['other.mask', u8(1), 'no shape for layer other'],
  ])('refuses %s = %o', (name, tensor, message) => {
    const error = ticketError(() =>
      decodeTicket(
        edited(file => file.tensors.set(name, tensor)),
        'f',
      ),
    )
    expect(error.message).toContain(message)
  })

  it('refuses a file that lacks a mask', () => {
    const error = ticketError(() =>
      decodeTicket(
        edited(file => file.tensors.delete('conv2.mask')),
        'f',
      ),
    )
    expect(error.message).toBe('f: tensor conv2.mask is missing.')
  })
})

describe('encodeTicket', () => {
  it('refuses what decodeTicket would', () => {
    expect(() => encodeTicket(exampleTicket({ width: Number.NaN }))).toThrow('width')
    const ticket = exampleTicket()
    ticket.masks.get('conv1')!.bits.fill(0)
    expect(ticketError(() => encodeTicket(ticket)).field).toBe('conv1.mask')
  })
})

describe('checkArchitecture', () => {
  const failure = (change: Partial<typeof architecture>) =>
    ticketError(() => checkArchitecture(exampleTicket(), { ...architecture, ...change }, 'f')).message

  it('accepts the right one', () => checkArchitecture(exampleTicket(), architecture, 'f'))

  it('refuses missing, extra and different layers', () => {
    const [first, ...others] = architecture.layers
    expect(failure({ layers: others })).toContain(
      'ticket of another architecture: layer conv1 does not exist',
    )
    expect(
      failure({ layers: [...architecture.layers, { name: 'conv9', weightShape: [1, 1, 1, 1] }] }),
    ).toContain('layer conv9 is missing')
    expect(failure({ layers: [{ ...first, weightShape: [4, 1, 3, 3] }, ...others] })).toContain(
      '[4, 1, 3, 3]',
    )
  })

  it('refuses missing, extra and different batch norms', () => {
    const [first, ...others] = architecture.batchNorms
    expect(failure({ batchNorms: others })).toContain('batch norm bn1 does not exist')
    expect(failure({ batchNorms: [...architecture.batchNorms, { name: 'bn9', channels: 1 }] })).toContain(
      'bn9 is missing',
    )
    expect(failure({ batchNorms: [{ ...first, channels: 4 }, ...others] })).toContain(
      'has 3 channels but there are 4',
    )
  })
})
