// Reading a file that a user names: a regular one, of a size that can be meant.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Most bytes of any file that is read whole; larger ones do not fit into one buffer. */
const largestFile = 2 ** 32 - 1

/**
 * The bytes of the regular file at `path`. Pipes and devices are refused, which would block or never end.
 * @param failure makes the error to throw of the reason, which completes "Cannot read <path>: …"
 */
export async function readRegularFile(
  path: string,
  failure: (reason: string, cause?: unknown) => Error,
  largest: number = largestFile,
): Promise<Buffer<ArrayBuffer>> {
  const { file, size } = await openRegularFile(path, failure)
  try {
    if (size > largest) {
      throw failure(`it has ${size} bytes, more than the ${largest} that such a file may have`)
    }
    return (await file.readFile()) as Buffer<ArrayBuffer>
  } catch (error) {
    throw readFailure(error, failure)
  } finally {
    await file.close()
  }
}

/**
 * Opens the regular file at `path`, for the caller to close. Pipes and devices are refused, which would block or never
 * end.
 * @param failure as of `readRegularFile`
 */
export async function openRegularFile(
  path: string,
  failure: (reason: string, cause?: unknown) => Error,
): Promise<{ file: FileHandle; size: number }> {
  let file: FileHandle | undefined
  try {
    // Without blocking until somebody writes into a pipe.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const info = await file.stat()
    if (info.isDirectory()) throw failure('it is a folder')
    if (!info.isFile()) throw failure('it is no regular file but a pipe, socket or device')
    return { file, size: info.size }
  } catch (error) {
    await file?.close()
    throw readFailure(error, failure)
  }
}

/** What to throw for an `error` of the system; errors of this package pass unchanged. */
export function readFailure(error: unknown, failure: (reason: string, cause?: unknown) => Error): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined || code.startsWith('ERR_RST')) return error
  return failure(readReason(code) ?? message, error)
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
