// Reading one file of a data set from its beginning to its end, unpacked where it is gzipped.
import type { FileHandle } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { DatasetError } from '../errors.ts'
import { openRegularFile, readFailure } from '../files/read-file.ts'
import { foreignContent } from './foreign-content.ts'

const bytesAtOnce = 1 << 18

export interface DataFile {
  readonly path: string
  readonly handle: FileHandle
  /** Bytes in the file, as they are stored. */
  readonly bytes: number
  /** Told by its first bytes, whatever its name. */
  readonly gzipped: boolean
}

/**
 * Opens a file of a data set, for the caller to close.
 * @throws DatasetError for one that is missing, may not be read or is no regular file
 */
export async function openDataFile(path: string): Promise<DataFile> {
  const { file: handle, size: bytes } = await openRegularFile(path, cannotRead(path))
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return { path, handle, bytes, gzipped: bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b }
  } catch (error) {
    await handle.close()
    throw readFailure(error, cannotRead(path))
  }
}

/** The content of `file` in pieces. @throws DatasetError with the offset in the unpacked content */
export async function* contentOf(file: DataFile): AsyncGenerator<Buffer> {
  const { path, handle, gzipped } = file
  const stored = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: bytesAtOnce })
  let offset = 0
  try {
    let content: AsyncIterable<Buffer> = stored
    if (gzipped) {
      const unpacked = createGunzip({ chunkSize: bytesAtOnce })
      stored.on('error', error => unpacked.destroy(error))
      content = stored.pipe(unpacked)
    }
    for await (const piece of content) {
      yield piece
      offset += piece.length
    }
  } catch (error) {
    if (!/^Z_/.test((error as NodeJS.ErrnoException)?.code ?? '')) throw readFailure(error, cannotRead(path))
    throw new DatasetError(
      `${path} is not a whole gzip file (${(error as Error).message}); fetch it again.`,
      { file: path, offset },
      { cause: error },
    )
  } finally {
    stored.destroy()
  }
}

/** What the beginning of `file` shows it to be, where that is another format; completes "is". */
export async function foreignContentOf(file: DataFile): Promise<string | undefined> {
  const head = Buffer.alloc(512)
  const { bytesRead } = await file.handle.read(head, 0, head.length, 0)
  return foreignContent(head.subarray(0, bytesRead))
}

function cannotRead(file: string) {
  return (reason: string, cause?: unknown) =>
    new DatasetError(`Cannot read ${file}: ${reason}.`, { file }, { cause })
}
