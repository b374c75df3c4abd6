// Reading a file that a user names: a regular one, of a size that can be meant.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Most bytes of any file that is read whole; larger ones do not fit into one buffer. */
export const largestFile = 2 ** 32 - 1

/**
 * The bytes of the regular file at `path`. Pipes and devices are refused, which would block or never end.
 * @param failure makes the error to throw of the reason, which completes "Cannot read <path>: …"
 */
export async function readRegularFile(
  path: string,
  failure: (reason: string, cause?: unknown) => Error,
  largest: number = largestFile,
): Promise<Buffer<ArrayBuffer>> {
  let file: FileHandle | undefined
  try {
    // Without blocking until somebody writes into a pipe.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const info = await file.stat()
    if (info.isDirectory()) throw failure('it is a folder')
    if (!info.isFile()) throw failure('it is no regular file but a pipe, socket or device')
    if (info.size > largest) {
      throw failure(`it has ${info.size} bytes, more than the ${largest} that such a file may have`)
    }
    return (await file.readFile()) as Buffer<ArrayBuffer>
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined || code.startsWith('ERR_RST')) throw error
    throw failure(readReason(code) ?? message, error)
  } finally {
    await file?.close()
  }
}

/** Why a read failed, in words; undefined for what has no better words than the system's. */
export function readReason(code: string | undefined): string | undefined {
  switch (code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'it is a folder'
    case 'EACCES':
    case 'EPERM':
      return 'you may not read it'
    case 'ENOTDIR':
      return 'a part of the path is a file, not a folder'
    case 'ENXIO':
      return 'it is no regular file but a pipe, socket or device'
    default:
      return undefined
  }
}
