// Writing a file so that a reader sees either all of it or none of it.
import { randomBytes } from 'node:crypto'
import { constants, fsync, type Stats } from 'node:fs'
import {
  access,
  type FileHandle,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ConfigError } from '../errors.ts'
import { isAlive } from './process-id.ts'
import { writeError } from './write-error.ts'

/** Content of a file: text, bytes, or byte chunks that are written one after the other without being joined. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>

/**
 * Writes `content` to a temporary file beside `path`, flushes it to the disk and renames it to `path`. Where `path` is a
 * symbolic link, the file that it leads to is replaced and the link stays. A former file's mode is kept.
 * When the write fails, the temporary file is removed and a former file stays as it was.
 * @param failure makes the error to throw of a failed write; by default `writeError`
 * @throws ConfigError (option 'out') for a place that cannot be written, also what exists and is no regular file;
 * FileError where the disk is full and the like
 */
export async function writeFileAtomic(
  path: string,
  content: FileContent,
  failure: typeof writeError = writeError,
): Promise<void> {
  let temporary: string | undefined
  try {
    const place = await placeOf(path)
    const name = temporaryName(basename(place.path))
    temporary = join(dirname(place.path), name)
    await writeAndSync(temporary, chunksOf(content), place.former)
    await rename(temporary, place.path)
    await syncFolder(dirname(place.path))
  } catch (error) {
    if (temporary !== undefined) await unlink(temporary).catch(() => {})
    throw failure(error, path)
  }
}

/** Where writing to `path` leads, and what is there. */
async function placeOf(path: string): Promise<{ path: string; former?: Stats }> {
  const former = await stat(path).catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (former === undefined) return { path: await endOfLinks(path) }
  if (!former.isFile()) {
    const kind = former.isDirectory()
      ? 'a folder of that name is in the way'
      : 'it is no regular file but a pipe, socket or device'
    throw new ConfigError(`Cannot write ${path}: ${kind}; choose another --out.`, 'out')
  }
  await access(path, constants.W_OK)
  return { path: await realpath(path), former }
}

/** The path itself, or what the symbolic link there leads to, which does not exist. */
async function endOfLinks(path: string): Promise<string> {
  const link = await readlink(path).catch(() => undefined)
  return link === undefined ? path : endOfLinks(resolve(await realpath(dirname(path)), link))
}

function chunksOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content)]
  // By shape and not by instanceof: bytes may come from another realm, such as a test runner's.
  return ArrayBuffer.isView(content) ? [content] : content
}

async function writeAndSync(path: string, chunks: Iterable<Uint8Array>, former?: Stats): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (const chunk of chunks) await writeAll(file, chunk)
    if (former) {
      // Only the superuser may give a file away; for others it is theirs already.
      await file.chown(former.uid, former.gid).catch(() => {})
      await file.chmod(former.mode & 0o7777)
    }
    await sync(file)
  } finally {
    await file.close()
  }
}

/** Flushes it to the disk. Yarn's Plug'n'Play replaces `FileHandle`, and its `sync` is not implemented. */
export const sync = (file: FileHandle): Promise<void> => promisify(fsync)(file.fd)

/** All bytes, however many each call of the system takes. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done)).bytesWritten
  }
}

/** Makes the rename itself durable. Some file systems cannot; the file is whole there all the same. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  if (folder) await sync(folder).catch(() => {})
  await folder?.close()
}

/** For what is written aside first: a name that tells its process, and is no longer than file systems allow. */
export function temporaryName(name: string): string {
  return `.${[...name].slice(0, 40).join('')}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
}

/**
 * Removes from a folder the temporary files that processes left which were killed while they wrote. To be called by who
 * alone writes there.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const writer = /^\..+\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(name)?.[1]
    if (writer === undefined) continue
    const pid = Number(writer)
    if (pid === process.pid || !isAlive(pid)) await unlink(join(folder, name)).catch(() => {})
  }
}
