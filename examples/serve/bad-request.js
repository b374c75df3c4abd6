// @ts-check
/** A request that cannot be answered, and the HTTP status that says so. */
export class BadRequest extends Error {
  /** @param {string} message @param {number} statusCode */
  constructor(message, statusCode = 400) {
    super(message)
    this.statusCode = statusCode
  }
}
