// Seconds of a task.
import { performance } from 'node:perf_hooks'

/** Work that can be repeated; it has ended when `run` resolves. */
export interface Task {
  run(iterations: number): Promise<void>
  dispose(): void
}

/** A repetition lasts at least so long, if need be by several iterations. */
const shortestRepetition = 0.2
const mostIterations = 256

/** Seconds of one iteration, the mean of several in a row; several are preceded by one that is not timed. */
export async function time(task: Pick<Task, 'run'>, iterations: number): Promise<number> {
  if (iterations > 1) await task.run(1)
  const started = performance.now()
  await task.run(iterations)
  return (performance.now() - started) / 1000 / iterations
}

/** How many iterations make a repetition long enough, given the seconds of one. */
export function iterationsFor(seconds: number): number {
  return Math.min(mostIterations, Math.max(1, Math.ceil(shortestRepetition / seconds)))
}

/** Warms up, then times `repeat` repetitions. */
export async function measure(task: Pick<Task, 'run'>, repeat: number): Promise<number[]> {
  await task.run(1)
  const first = await time(task, 1)
  const iterations = iterationsFor(first)
  const seconds = iterations === 1 ? [first] : []
  while (seconds.length < repeat) seconds.push(await time(task, iterations))
  return seconds
}
