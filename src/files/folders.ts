// Making folders.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { writeError } from './write-error.ts'

/**
 * Makes a folder with its parents.
 * @throws ConfigError (option 'out') where it cannot be made, FileError where the disk is full and the like
 */
export async function makeFolder(path: string, failure: typeof writeError = writeError): Promise<void> {
  await makeLevels(resolve(path)).catch(error => {
    throw failure(error, path)
  })
}

/** Level by level: Node's own recursive mkdir never ends where a file system, such as /proc, makes no folders. */
async function makeLevels(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (await isFolder(path)) return
    const parent = dirname(path)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || (await isFolder(parent))) throw error
    await makeLevels(parent)
    await mkdir(path).catch(async later => {
      if (!(await isFolder(path))) throw later
    })
  }
}

/**
 * Makes the first folder `<parent>/<name>-<n>`, n = 1, 2, …, that does not exist, and returns its path.
 * @throws as makeFolder
 */
export async function makeNumberedFolder(parent: string, name: string): Promise<string> {
  await makeFolder(parent)
  for (let n = 1; ; n++) {
    const path = join(parent, `${name}-${n}`)
    try {
      await mkdir(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(error, path)
    }
  }
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    info => info.isDirectory(),
    () => false,
  )
}
