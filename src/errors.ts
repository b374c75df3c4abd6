// The typed errors of the whole package (docs/guides/troubleshooting.md). Each carries a stable `code`.

/**
 * What all errors of the package are. `message` is whole sentences: what was expected, what came, what to do.
 * @example
 * import { ConfigError, ops, RstError, tensor } from 'rst-native'
 * try {
 *   ops.reshape(tensor([1, 2, 3]), [2, 2])
 * } catch (error) {
 *   if (!(error instanceof RstError)) throw error
 *   console.log(error.name, error.code) // → ShapeError ERR_RST_SHAPE
 *   console.log(error instanceof ConfigError) // → false
 * }
 */
export class RstError extends Error {
  /** Stable, for programs: 'ERR_RST_SHAPE', 'ERR_RST_CONFIG' and so on. */
  readonly code: string
  /**
   * @param code stable
   * @param message whole sentences
   * @param options the cause
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Tensor shapes that do not fit, or a tensor used after dispose: code 'ERR_RST_SHAPE'. */
export class ShapeError extends RstError {
  /**
   * @param message whole sentences
   * @param options the cause
   */
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RST_SHAPE', message, options)
  }
}

/** A data file that is missing, short or not what it claims: code 'ERR_RST_DATASET'. */
export class DatasetError extends RstError {
  /** The file or folder at fault. */
  readonly file: string
  /** Bytes from the file's start to the first wrong one, where there is one. */
  readonly offset: number | undefined
  /**
   * @param message whole sentences
   * @param at the file at fault, and where in it
   * @param options the cause
   */
  constructor(message: string, at: { file: string; offset?: number }, options?: ErrorOptions) {
    super('ERR_RST_DATASET', message, options)
    this.file = at.file
    this.offset = at.offset
  }
}

/** A ticket or checkpoint that cannot be read or used: code 'ERR_RST_TICKET'. */
export class TicketError extends RstError {
  /** The metadata field or tensor at fault, or 'file'. */
  readonly field: string
  /**
   * @param message whole sentences
   * @param field of the metadata, or a tensor; 'file' for the whole
   * @param options the cause
   */
  constructor(message: string, field: string, options?: ErrorOptions) {
    super('ERR_RST_TICKET', message, options)
    this.field = field
  }
}

/** An option that is unknown, missing or out of its range: code 'ERR_RST_CONFIG'. */
export class ConfigError extends RstError {
  /** The option's name in the API (camelCase). */
  readonly option: string
  /**
   * @param message whole sentences
   * @param option its name in the API
   * @param options the cause
   */
  constructor(message: string, option: string, options?: ErrorOptions) {
    super('ERR_RST_CONFIG', message, options)
    this.option = option
  }
}

/**
 * A file that could not be written or read back although nothing is wrong with the call, for a full disk or a deleted
 * folder: code 'ERR_RST_FILE'.
 */
export class FileError extends RstError {
  /** The file or folder at fault. */
  readonly file: string
  /**
   * @param message whole sentences
   * @param file the file or folder at fault
   * @param options the cause
   */
  constructor(message: string, file: string, options?: ErrorOptions) {
    super('ERR_RST_FILE', message, options)
    this.file = file
  }
}

/** A device that is missing or failed; also a native library that cannot be loaded: code 'ERR_RST_DEVICE'. */
export class DeviceError extends RstError {
  /**
   * @param message whole sentences
   * @param options the cause
   */
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RST_DEVICE', message, options)
  }
}

/** Native memory ran out: code 'ERR_RST_OUT_OF_MEMORY'. The message names the size asked for and the size free. */
export class OutOfMemoryError extends RstError {
  /**
   * @param message whole sentences
   * @param options the cause
   */
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RST_OUT_OF_MEMORY', message, options)
  }
}

/** A loss that is NaN or infinite: the run stopped and its last good checkpoint stands. Code 'ERR_RST_DIVERGED'. */
export class DivergenceError extends RstError {
  /** The optimiser step at which it was seen, counted from 1. */
  readonly step: number
  /**
   * @param message whole sentences
   * @param step at which it was seen
   * @param options the cause
   */
  constructor(message: string, step: number, options?: ErrorOptions) {
    super('ERR_RST_DIVERGED', message, options)
    this.step = step
  }
}

/** The caller's AbortSignal fired. `name` is 'AbortError' and `code` 'ABORT_ERR', as the platform's. */
export class AbortError extends RstError {
  /**
   * @param message whole sentences
   * @param options the cause: the signal's reason
   */
  constructor(message: string, options?: ErrorOptions) {
    super('ABORT_ERR', message, options)
    this.name = 'AbortError'
  }
}
