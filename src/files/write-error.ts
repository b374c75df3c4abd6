// Turns a failed write into a sentence that says what to do.
import { ConfigError } from '../errors.ts'

const reasons: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space or choose another --out',
  EDQUOT: 'your disk quota is used up; free some space or choose another --out',
  EACCES: 'you may not write there; change the permissions or choose another --out',
  EPERM: 'you may not write there; change the permissions or choose another --out',
  EROFS: 'the file system is read-only; choose another --out',
  ENOENT: 'its folder does not exist; create it or choose another --out',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another --out',
  EISDIR: 'a folder of that name is in the way; choose another --out',
  EEXIST: 'a file of that name is in the way; choose another --out',
  ENAMETOOLONG: 'the name is too long; choose a shorter --out',
}

/**
 * The error to throw after a write to `path` failed: a ConfigError on `out` where the user can mend it by
 * choosing another place, otherwise `error` itself.
 */
export function writeError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code
  const reason = code === undefined ? undefined : reasons[code]
  if (reason === undefined) return error
  return new ConfigError(`Cannot write ${path}: ${reason}.`, 'out', { cause: error })
}
