import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { makeFolder } from '../../src/files/folders.ts'
import { laterWriteError, writeError } from '../../src/files/write-error.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-folders-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('makeFolder makes every level, several times and at the same time', async () => {
  const path = join(folder, 'a', 'b', 'c')
  await Promise.all(['d', 'e', 'd'].map(name => makeFolder(join(path, name))))
  await makeFolder(path)
  expect(await readdir(path)).toEqual(['d', 'e'])
  await makeFolder('/')
})

it('makeFolder goes through symbolic links', async () => {
  await mkdir(join(folder, 'real'))
  await symlink('real', join(folder, 'link'))
  await makeFolder(join(folder, 'link', 'inner'))
  await makeFolder(join(folder, 'link'))
  expect(await readdir(join(folder, 'real'))).toEqual(['inner'])
})

it('makeFolder ends with a ConfigError where none can be made', async () => {
  await writeFile(join(folder, 'file'), '')
  await symlink('nowhere', join(folder, 'dangling'))
  const places: [string, string][] = [
    [join(folder, 'file'), 'a file of that name is in the way'],
    [join(folder, 'file', 'inner', 'deep'), 'a part of the path is a file'],
    [join(folder, 'dangling'), 'a file of that name is in the way'],
    [join(folder, 'n'.repeat(300), 'inner'), 'the name is too long'],
    ...(process.platform === 'linux'
      ? ([
          ['/proc/nowhere', 'nothing can be made in that folder'],
          ['/proc/nowhere/inner/deep', 'choose another --out'],
          ['/dev/null/inner', 'a part of the path is a file'],
        ] as [string, string][])
      : []),
  ]
  for (const [path, reason] of places) {
    const error = await makeFolder(path).then(
      () => expect.unreachable(path),
      (e: unknown) => e,
    )
    expect(error, path).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).option).toBe('out')
    expect((error as ConfigError).message).toContain(reason)
    expect((error as ConfigError).message).toContain(path)
  }
})

it('a write that fails later is never the fault of the call', () => {
  const system = (code: string) => Object.assign(new Error('failed'), { code })
  for (const code of ['ENOSPC', 'EACCES', 'EROFS', 'ENOENT', 'ENOTDIR', 'EWHATEVER']) {
    expect(laterWriteError(system(code), join(folder, 'file'))).toMatchObject({ code: 'ERR_RST_FILE' })
  }
  const gone = join(folder, 'gone', 'file')
  expect(laterWriteError(system('ENOENT'), gone)).toMatchObject({
    file: gone,
    message: expect.stringContaining('was it deleted'),
  })
  const typed = new ConfigError('as it is', 'out')
  for (const make of [writeError, laterWriteError]) {
    expect(make(typed, gone)).toBe(typed)
    expect(make(undefined, gone)).toBeUndefined()
  }
})
