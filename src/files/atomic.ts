// Writing a file so that a reader sees either all of it or none of it.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writeError } from './write-error.ts'

/** Content of a file: text, bytes, or byte chunks that are written one after the other without being joined. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>

/**
 * Writes `content` to a temporary file beside `path`, flushes it to the disk and renames it to `path`.
 * When that fails the temporary file is removed, a former file at `path` stays as it was, and a ConfigError
 * (option 'out') says what to do.
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`,
  )
  try {
    await writeAndSync(temporary, chunksOf(content))
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw writeError(error, path)
  }
  await syncFolder(dirname(path))
}

function chunksOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content)]
  // By shape and not by instanceof: bytes may come from another realm, such as a test runner's.
  return ArrayBuffer.isView(content) ? [content] : content
}

async function writeAndSync(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (const chunk of chunks) await writeAll(file, chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done)).bytesWritten
  }
}

/** Makes the rename itself durable. Some file systems cannot; the file is whole there all the same. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close()
}
