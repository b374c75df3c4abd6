// What is read back: regular files only, JSON of sane depth, contents that prove themselves.
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatUint8Arrays } from 'typed-array-utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TicketError } from '../../src/errors.ts'
import { checkDepth, parseJson } from '../../src/files/json.ts'
import { readRegularFile } from '../../src/files/read-file.ts'
import type { StoredTensor } from '../../src/files/safetensors.ts'
import { decodeSealed, encodeSealed } from '../../src/files/sealed.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rst-reading-'))
})
afterAll(() => rm(dir, { recursive: true }))

const failure = (reason: string) => new TicketError(`Cannot read it: ${reason}.`, 'file')

describe('readRegularFile', () => {
  it('reads a file, also through a link', async () => {
    await writeFile(join(dir, 'plain'), 'content')
    await symlink(join(dir, 'plain'), join(dir, 'link'))
    expect(String(await readRegularFile(join(dir, 'plain'), failure))).toBe('content')
    expect(String(await readRegularFile(join(dir, 'link'), failure))).toBe('content')
  })

  it('refuses, at once, what is no regular file or too large', async () => {
    await mkdir(join(dir, 'folder'))
    execFileSync('mkfifo', [join(dir, 'pipe')])
    await writeFile(join(dir, 'large'), '12345')
    const reasons: [string, string][] = [
      [join(dir, 'folder'), 'it is a folder'],
      [join(dir, 'pipe'), 'a pipe, socket or device'],
      ['/dev/zero', 'a pipe, socket or device'],
      [join(dir, 'none'), 'there is no such file'],
      [join(dir, 'plain', 'below'), 'a part of the path is a file'],
      [join(dir, 'large'), 'it has 5 bytes, more than the 4'],
    ]
    for (const [path, reason] of reasons) {
      await expect(readRegularFile(path, failure, 4), path).rejects.toThrow(reason)
    }
  })
})

describe('parseJson', () => {
  it('parses what is nested up to 64 levels, and counts no brackets in strings', () => {
    expect(parseJson(`${'['.repeat(64)}${']'.repeat(64)}`)).toBeInstanceOf(Array)
    expect(parseJson(JSON.stringify({ a: '['.repeat(1000), b: '\\"[[' }))).toBeTypeOf('object')
  })

  it.each(['[', '{"a":'])('refuses %s 20,000 levels deep as a syntax error', open => {
    expect(() => parseJson(open.repeat(20_000))).toThrow(SyntaxError)
    expect(() => checkDepth(open.repeat(65))).toThrow('nested deeper than 64 levels')
  })
})

describe('sealed files', () => {
  const bytes = concatUint8Arrays(
    ...encodeSealed({
      metadata: { format: 'x', position: '{"step":3}' },
      tensors: new Map<string, StoredTensor>([
        ['a', { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }],
      ]),
    }),
  )

  it('come back as they were written', () => {
    const { metadata, tensors } = decodeSealed(bytes, 'file', 'x')
    expect(metadata.position).toBe('{"step":3}')
    expect([...tensors.get('a')!.data]).toEqual([1, 2])
  })

  it('are refused with any one bit flipped', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3] ^= 1 << (bit & 7)
      expect(() => decodeSealed(damaged, 'file', 'fetch it again'), `bit ${bit}`).toThrow(TicketError)
    }
  })
})
