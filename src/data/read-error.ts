// Turns a failed read of a data file into a sentence.
import { DatasetError } from '../errors.ts'

/** The DatasetError to throw after `error` came up while reading `file`; DatasetErrors pass unchanged. */
export function readError(error: unknown, file: string): unknown {
  if (error instanceof DatasetError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined) return error
  const reason =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'you may not read it'
        : code === 'EISDIR'
          ? 'it is a folder'
          : message
  return new DatasetError(`Cannot read ${file}: ${reason}.`, { file }, { cause: error })
}
