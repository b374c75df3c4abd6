// The typed errors of the whole package (docs/guides/troubleshooting.md). Each carries a stable `code`.

export class RstError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Tensor shapes that do not fit, or a tensor used after dispose. */
export class ShapeError extends RstError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RST_SHAPE', message, options)
  }
}

/** A data file that is missing, short or not what it claims. */
export class DatasetError extends RstError {
  /** The file or folder at fault. */
  readonly file: string
  /** Byte offset of the first wrong byte, where there is one. */
  readonly offset: number | undefined
  constructor(message: string, at: { file: string; offset?: number }, options?: ErrorOptions) {
    super('ERR_RST_DATASET', message, options)
    this.file = at.file
    this.offset = at.offset
  }
}

/** A ticket or checkpoint that cannot be read or used. */
export class TicketError extends RstError {
  /** The metadata field or tensor at fault, or 'file'. */
  readonly field: string
  constructor(message: string, field: string, options?: ErrorOptions) {
    super('ERR_RST_TICKET', message, options)
    this.field = field
  }
}

/** An option that is unknown, missing or out of its range. */
export class ConfigError extends RstError {
  /** The option's name in the API (camelCase). */
  readonly option: string
  constructor(message: string, option: string, options?: ErrorOptions) {
    super('ERR_RST_CONFIG', message, options)
    this.option = option
  }
}

/** A file that could not be written or read back although nothing is wrong with the call: a full disk, a deleted folder. */
export class FileError extends RstError {
  /** The file or folder at fault. */
  readonly file: string
  constructor(message: string, file: string, options?: ErrorOptions) {
    super('ERR_RST_FILE', message, options)
    this.file = file
  }
}

/** A device that is missing or failed; also a native library that cannot be loaded. */
export class DeviceError extends RstError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RST_DEVICE', message, options)
  }
}

/** Native memory ran out. The message names the size asked for and the size free. */
export class OutOfMemoryError extends RstError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RST_OUT_OF_MEMORY', message, options)
  }
}

/** A loss that is NaN or infinite: the run stopped and its last good checkpoint stands. */
export class DivergenceError extends RstError {
  readonly step: number
  constructor(message: string, step: number, options?: ErrorOptions) {
    super('ERR_RST_DIVERGED', message, options)
    this.step = step
  }
}

/** The caller's AbortSignal fired. `name` is 'AbortError', as the platform's. */
export class AbortError extends RstError {
  constructor(message: string, options?: ErrorOptions) {
    super('ABORT_ERR', message, options)
    this.name = 'AbortError'
  }
}
