// What the commands on several tickets say alike: names of tickets, margins, and the rule of the attack.
import { ConfigError } from '../errors.ts'
import type { Interval } from '../evaluation/statistics.ts'

/** @throws ConfigError where there are none */
export function requiredTickets({ tickets }: { readonly tickets?: readonly string[] }): readonly string[] {
  if (tickets !== undefined) return tickets
  throw new ConfigError(
    '--tickets is required: give the paths of ticket files, separated by commas.',
    'tickets',
  )
}

/** The paths without the folders in which all begin, and without what all end in: run folders hold tickets of one name. */
export function shortNames(paths: readonly string[]): string[] {
  const split = paths.map(path => path.replace(/\.safetensors$/, '').split('/'))
  const all = (part: (path: string[]) => string | undefined) =>
    split.every(path => path.length > 1 && part(path) === part(split[0]))
  while (all(path => path[0])) for (const path of split) path.shift()
  while (split.length > 1 && all(path => path.at(-1))) for (const path of split) path.pop()
  return split.map(path => path.join('/'))
}

/** How wide the 95 % intervals are in which accuracies of single tickets lie. */
export function marginLine(intervals: readonly Interval[]): string {
  const widest = Math.max(...intervals.map(([low, high]) => high - low))
  return `accuracies of single tickets: 95 % intervals of ±${((100 * widest) / 2).toFixed(1)} points at most`
}

/** Which images the attack moved, as the end of a line; nothing where the attack does not say. */
export function ruleLine(onlyCorrect: boolean | undefined): string {
  if (onlyCorrect === undefined) return ''
  return onlyCorrect
    ? '; the attack moved only images that the attacked ticket still got right (official rule)'
    : '; the attack moved all images'
}
