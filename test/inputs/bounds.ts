// Values at the edges of what a row takes.
import type { Kind } from '../../src/inputs/kinds.ts'

/** All words of an enumeration, both flags, and the bounds of a number where a run can afford them. */
export function boundsOf({ schema = {} }: Kind): unknown[] {
  const { type, minimum, exclusiveMinimum, maximum } = schema
  if (schema.enum) return [...schema.enum]
  if (type === 'boolean') return [false, true]
  if (type !== 'integer' && type !== 'number') return []
  const low = minimum ?? exclusiveMinimum! + 1e-6
  return maximum !== undefined && maximum <= 1000 ? [low, maximum] : [low]
}
