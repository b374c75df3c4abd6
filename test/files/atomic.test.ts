import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { writeFileAtomic } from '../../src/files/atomic.ts'

const failing = vi.hoisted(() => ({ code: undefined as string | undefined }))
vi.mock('node:fs/promises', async original => {
  const fs = await original<typeof import('node:fs/promises')>()
  const open: typeof fs.open = async (...args) => {
    const file = await fs.open(...args)
    if (failing.code !== undefined && args[1] === 'wx') {
      file.sync = async () => {
        throw Object.assign(new Error('failed'), { code: failing.code })
      }
    }
    return file
  }
  return { ...fs, open }
})

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-atomic-'))
})
afterEach(async () => {
  failing.code = undefined
  await rm(folder, { recursive: true })
})

const failureOf = async (write: Promise<void>) =>
  write.then(
    () => expect.unreachable('the write succeeded'),
    (error: ConfigError) => error,
  )

describe('writeFileAtomic', () => {
  it('writes text, bytes and chunks', async () => {
    const path = join(folder, 'file')
    await writeFileAtomic(path, 'text')
    expect(await readFile(path, 'utf8')).toBe('text')
    await writeFileAtomic(path, new Uint8Array([1, 2, 3]))
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    await writeFileAtomic(path, [new Uint8Array([1]), new Uint8Array(0), new Uint8Array([2, 3])])
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    expect(await readdir(folder)).toEqual(['file'])
  })

  it.each(['ENOSPC', 'EACCES', 'EROFS'])('after %s keeps the former file and leaves no other', async code => {
    const path = join(folder, 'file')
    await writeFile(path, 'former')
    failing.code = code
    const error = await failureOf(writeFileAtomic(path, 'new'))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.option).toBe('out')
    expect(error.message).toContain(path)
    expect(error.message).toMatch(/choose another --out\.$/)
    expect(await readdir(folder)).toEqual(['file'])
    expect(await readFile(path, 'utf8')).toBe('former')
  })

  it('says that the folder is missing, or is a file', async () => {
    const missing = await failureOf(writeFileAtomic(join(folder, 'none', 'file'), 'text'))
    expect(missing).toBeInstanceOf(ConfigError)
    expect(missing.message).toContain('its folder does not exist')
    await writeFile(join(folder, 'plain'), '')
    const below = await failureOf(writeFileAtomic(join(folder, 'plain', 'file'), 'text'))
    expect(below).toBeInstanceOf(ConfigError)
    expect(below.message).toContain('is a file, not a folder')
  })

  it('does not replace a folder', async () => {
    await mkdir(join(folder, 'taken'))
    const error = await failureOf(writeFileAtomic(join(folder, 'taken'), 'text'))
    expect(error).toBeInstanceOf(ConfigError)
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it('passes on an error that another --out would not mend', async () => {
    failing.code = 'EIO'
    const error = await failureOf(writeFileAtomic(join(folder, 'file'), 'text'))
    expect(error).not.toBeInstanceOf(ConfigError)
    expect(error.code).toBe('EIO')
    expect(await readdir(folder)).toEqual([])
  })
})
