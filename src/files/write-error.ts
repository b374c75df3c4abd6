// Turns a failed write into a sentence that says what to do.
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError, FileError, RstError } from '../errors.ts'

/** Another place was meant, or must be chosen. */
const wrongPlace: Readonly<Record<string, string>> = {
  EACCES: 'you may not write there; change the permissions or choose another --out',
  EPERM: 'you may not write there; change the permissions or choose another --out',
  EROFS: 'the file system is read-only; choose another --out',
  ENOENT: 'its folder does not exist; create it or choose another --out',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another --out',
  EISDIR: 'a folder of that name is in the way; choose another --out',
  EEXIST: 'a file of that name is in the way; choose another --out',
  ENAMETOOLONG: 'the name is too long; choose a shorter --out',
  ELOOP: 'its symbolic links lead in a circle; choose another --out',
}

/** The place is right, and yet it cannot be written. */
const failed: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another --out',
  EDQUOT: 'your disk quota is used up; free some space or choose another --out',
  EFBIG: 'the file system takes no file of that size; choose another --out',
  EIO: 'the disk reports an error; see the log of the system',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine',
}

/**
 * The error to throw after a write to `path` failed: a ConfigError (option 'out') where the place is wrong, a FileError
 * where the place is right and the write failed all the same. Typed errors, and what the system did not throw, come
 * back as they are.
 */
export function writeError(error: unknown, path: string): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  if (code === 'ENOENT' && isFolder(dirname(path))) {
    return wrong(path, 'nothing can be made in that folder; choose another --out', error)
  }
  const reason = wrongPlace[code]
  return reason === undefined ? fileError(code, error, path) : wrong(path, reason, error)
}

/**
 * The same for a write into a folder that this process has written into before: no other place was meant, so that
 * every failure is a FileError.
 */
export function laterWriteError(error: unknown, path: string): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  if (code === 'ENOENT' && !isFolder(dirname(path))) {
    return new FileError(
      `Cannot write ${path}: its folder was there and is gone; was it deleted or unmounted?`,
      path,
      { cause: error },
    )
  }
  return fileError(code, error, path)
}

function systemCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return error instanceof RstError || typeof code !== 'string' ? undefined : code
}

function fileError(code: string, error: unknown, path: string): FileError {
  const reason = failed[code] ?? wrongPlace[code] ?? (error as Error).message
  return new FileError(`Cannot write ${path}: ${reason}.`, path, { cause: error })
}

function wrong(path: string, reason: string, cause: unknown): ConfigError {
  return new ConfigError(`Cannot write ${path}: ${reason}.`, 'out', { cause })
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
