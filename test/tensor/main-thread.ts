// What the main thread does from turn to turn of the event loop while something is awaited.
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

/**
 * Milliseconds of processor time that the main thread took from turn to turn of the event loop while the body ran: what
 * other programs take does not count. Only Linux tells it of a thread.
 */
export async function watched<T>(body: () => Promise<T>): Promise<[T, number[]]> {
  const turns: number[] = []
  let busy = true
  const watching = (async () => {
    for (let before = used(); busy; before += turns.at(-1)!) {
      await setImmediate()
      turns.push(used() - before)
    }
  })()
  const result = await body()
  busy = false
  await watching
  return [result, turns]
}

const used = (): number =>
  process.platform === 'linux'
    ? Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
    : performance.now()

/** Without the one that a collection of garbage may take, which is not the package's. */
export const longest = (turns: readonly number[]): number => turns.toSorted((a, b) => b - a)[1]!
