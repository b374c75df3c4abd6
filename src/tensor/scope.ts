// Who frees the tensors made along the way.
import { checkBody, checkSynchronous } from './synchronous.ts'

/** What scopes own: tensors, by their shape and not by their class, whose file imports this one. */
interface Owned {
  dispose(): void
}

let scopes: Set<Owned>[] = []

/** @internal Called for each new tensor. */
export function register(tensor: Owned): void {
  scopes.at(-1)?.add(tensor)
}

/** @internal Whether the innermost scope made the tensor. */
export function ownedByScope(tensor: Owned): boolean {
  return scopes.at(-1)?.has(tensor) ?? false
}

/**
 * Runs `body` and disposes every tensor it made except those it returns (a tensor, or tensors one or more levels
 * inside an array or plain object), which pass to the enclosing scope.
 * @returns what the body returns
 * @throws ConfigError where `body` is no function or async
 * @example
 * import { ops, scope, tensor } from 'rst-native'
 * using y = scope(() => ops.relu(ops.scale(tensor([1, -2]), 3))) // the tensors in between are gone
 * console.log(await y.data()) // → [3, 0]
 */
export function scope<T>(body: () => T): T {
  checkBody('scope()', body)
  const made = new Set<Owned>()
  scopes.push(made)
  let result: T
  try {
    result = body()
    checkSynchronous('scope()', result)
  } catch (error) {
    scopes.pop()
    for (const tensor of made) tensor.dispose()
    throw error
  }
  scopes.pop()
  for (const tensor of tensorsIn(result)) {
    if (made.delete(tensor)) register(tensor)
  }
  for (const tensor of made) tensor.dispose()
  return result
}

/** A scope that is entered several times: what is made inside lives until `dispose`. */
export class HeldScope {
  readonly #made = new Set<Owned>()

  /** Runs `body` inside; a throw disposes everything. @throws ConfigError where `body` is async */
  run<T>(body: () => T): T {
    checkBody('HeldScope.run()', body)
    scopes.push(this.#made)
    try {
      const result = body()
      checkSynchronous('HeldScope.run()', result)
      return result
    } catch (error) {
      this.dispose()
      throw error
    } finally {
      scopes.pop()
    }
  }

  /** Hands a tensor to the scope outside. */
  give(tensor: Owned): void {
    if (this.#made.delete(tensor)) register(tensor)
  }

  dispose(): void {
    for (const tensor of this.#made) tensor.dispose()
    this.#made.clear()
  }
}

/**
 * Runs `body` so that no scope owns what it makes: the caller keeps and disposes it.
 * @throws ConfigError where `body` is async
 */
export function outsideScopes<T>(body: () => T): T {
  checkBody('outsideScopes()', body)
  const saved = scopes
  scopes = []
  try {
    const result = body()
    checkSynchronous('outsideScopes()', result)
    return result
  } finally {
    scopes = saved
  }
}

/** Each once; what is returned may contain itself. */
function tensorsIn(value: unknown): Owned[] {
  const found: Owned[] = []
  const waiting = new Set([value])
  for (const one of waiting) {
    if (isTensor(one)) found.push(one)
    else if (Array.isArray(one)) for (const item of one) waiting.add(item)
    else if (one && Object.getPrototypeOf(one) === Object.prototype) {
      for (const item of Object.values(one)) waiting.add(item)
    }
  }
  return found
}

function isTensor(value: unknown): value is Owned {
  return typeof value === 'object' && value !== null && 'dispose' in value && 'dtype' in value
}
