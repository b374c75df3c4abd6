import { callback, required } from '../inputs/kinds.ts'
import { checkOption } from '../inputs/options.ts'
import { release } from '../tensor/tape.ts'
import type { Layer } from './network.ts'

const layerRow = required(callback)

/**
 * Applies layers one after the other. What passes between them is freed once used (under a tape, the tape frees it).
 * @throws ConfigError
 */
export function chain(...layers: readonly Layer[]): Layer {
  for (const [i, layer] of layers.entries()) checkOption(`layer ${i + 1}`, layer, layerRow, 'chain')
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
