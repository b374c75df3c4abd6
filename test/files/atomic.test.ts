import { spawnSync } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConfigError, type FileError } from '../../src/errors.ts'
import { removeLeftovers, writeFileAtomic } from '../../src/files/atomic.ts'

const failing = vi.hoisted(() => ({ code: undefined as string | undefined }))
vi.mock('node:fs/promises', async original => {
  const fs = await original<typeof import('node:fs/promises')>()
  const open: typeof fs.open = async (...args) => {
    const file = await fs.open(...args)
    if (failing.code !== undefined && args[1] === 'wx') {
      file.write = async () => {
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

  it.each([
    // Another place would have been right …
    ['EACCES', 'ERR_RST_CONFIG', 'you may not write there'],
    ['EROFS', 'ERR_RST_CONFIG', 'the file system is read-only'],
    // … or nothing was wrong with the call.
    ['ENOSPC', 'ERR_RST_FILE', 'the disk is full'],
    ['EDQUOT', 'ERR_RST_FILE', 'your disk quota is used up'],
    ['EIO', 'ERR_RST_FILE', 'the disk reports an error'],
    ['EWHATEVER', 'ERR_RST_FILE', 'failed'],
  ])('after %s keeps the former file and leaves no other', async (code, type, message) => {
    const path = join(folder, 'file')
    await writeFile(path, 'former')
    failing.code = code
    const error = await failureOf(writeFileAtomic(path, 'new'))
    expect(error.code).toBe(type)
    if (error instanceof ConfigError) expect(error.option).toBe('out')
    else expect((error as unknown as FileError).file).toBe(path)
    expect(error.message).toContain(path)
    expect(error.message).toContain(message)
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

  it('keeps the mode of the file that it replaces', async () => {
    const path = join(folder, 'file')
    for (const mode of [0o600, 0o644, 0o664]) {
      await writeFile(path, 'former')
      await chmod(path, mode)
      await writeFileAtomic(path, 'new')
      expect((await stat(path)).mode & 0o777).toBe(mode)
    }
  })

  it('takes names as long as the file system does', async () => {
    for (const name of ['n'.repeat(255), 'é'.repeat(127)]) {
      await writeFileAtomic(join(folder, name), 'text')
      expect(await readFile(join(folder, name), 'utf8')).toBe('text')
    }
    expect((await failureOf(writeFileAtomic(join(folder, 'n'.repeat(256)), 'text'))).message).toContain(
      'too long',
    )
  })

  it('replaces nothing that is no regular file', async () => {
    await mkdir(join(folder, 'taken'))
    spawnSync('mkfifo', [join(folder, 'pipe')])
    await symlink('/dev/null', join(folder, 'to-null'))
    await symlink('taken', join(folder, 'to-folder'))
    const before = await readdir(folder)
    for (const place of ['/dev/null', ...before.map(name => join(folder, name))]) {
      const error = await failureOf(writeFileAtomic(place, 'text'))
      expect(error, place).toBeInstanceOf(ConfigError)
      expect(error.message).toContain(place)
    }
    expect(await readdir(folder)).toEqual(before)
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true)
  })

  it('writes where symbolic links lead, and leaves them', async () => {
    await mkdir(join(folder, 'elsewhere'))
    await writeFile(join(folder, 'elsewhere', 'file'), 'former')
    await symlink('elsewhere/file', join(folder, 'first'))
    await symlink('first', join(folder, 'second'))
    await symlink('elsewhere/new', join(folder, 'dangling'))
    await symlink('elsewhere', join(folder, 'place'))
    for (const name of ['first', 'second', 'dangling', 'place/file']) {
      await writeFileAtomic(join(folder, name), name)
      expect(await readFile(join(folder, name), 'utf8')).toBe(name)
    }
    for (const name of ['first', 'second', 'dangling', 'place']) {
      expect((await lstat(join(folder, name))).isSymbolicLink()).toBe(true)
    }
    expect(await readdir(join(folder, 'elsewhere'))).toEqual(['file', 'new'])
    await symlink('round', join(folder, 'circle'))
    await symlink('circle', join(folder, 'round'))
    expect((await failureOf(writeFileAtomic(join(folder, 'round'), 'text'))).message).toContain('in a circle')
  })
})

describe('removeLeftovers', () => {
  it('removes what processes left that are gone, and nothing else', async () => {
    const gone = spawnSync('true').pid
    const kept = ['file', '.hidden.tmp', `.file.${process.ppid}-0123abcd.tmp`, `file.${gone}-0123abcd.tmp`]
    for (const name of [...kept, `.file.${gone}-0123abcd.tmp`, `.file.${process.pid}-0123abcd.tmp`]) {
      await writeFile(join(folder, name), '')
    }
    await removeLeftovers(folder)
    expect((await readdir(folder)).sort()).toEqual(kept.sort())
    await removeLeftovers(join(folder, 'none'))
  })
})
