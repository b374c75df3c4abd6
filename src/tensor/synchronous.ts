// Scopes and tapes end when their body returns, so a body that goes on later would use what is already freed.
import { ConfigError } from '../errors.ts'
import { callback, required } from '../inputs/kinds.ts'
import { checkOption } from '../inputs/options.ts'

const bodyRow = required(callback)

/** @throws ConfigError where what `owner` is to run is no function */
export const checkBody = (owner: string, body: unknown): void => checkOption('body', body, bodyRow, owner)

/**
 * @param owner the function whose body returned the value
 * @throws ConfigError where the value is a promise or a generator, alone or inside an array or plain object
 */
export function checkSynchronous(owner: string, value: unknown): void {
  const late = [...lateIn(value, 0)]
  if (late.length === 0) return
  for (const one of late) {
    // What it still does fails on freed tensors; the error below is the one to report.
    if (isThenable(one)) one.then(undefined, () => {})
  }
  throw new ConfigError(
    `${owner} expects a body that is done when it returns, but received one that ${isThenable(late[0]) ? 'is async or returned a promise' : 'is a generator'}; what it had made is disposed. ` +
      `Compute in the body without await, return the tensors, and await their data() outside.`,
    'body',
  )
}

function* lateIn(value: unknown, depth: number): Generator<object> {
  if (typeof value !== 'object' || value === null || depth > 8) return
  if (isThenable(value) || isGenerator(value)) yield value
  else if (Array.isArray(value)) for (const item of value) yield* lateIn(item, depth + 1)
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) yield* lateIn(item, depth + 1)
}

const isThenable = (value: object): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown }).then === 'function'

const isGenerator = (value: object): boolean =>
  typeof (value as { next?: unknown }).next === 'function' &&
  (Symbol.iterator in value || Symbol.asyncIterator in value)
