import { release } from '../tensor/tape.ts'
import type { Layer } from './network.ts'

/** Applies layers one after the other. What passes between them is freed once used (under a tape, the tape frees it). */
export function chain(...layers: readonly Layer[]): Layer {
  return x => {
    let current = x
    for (const layer of layers) {
      const next = layer(current)
      if (current !== x && next !== current) release(current)
      current = next
    }
    return current
  }
}
