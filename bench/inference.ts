// Forward passes in eval mode, from images on the device to logits read back.
import { type BenchRow, ours } from './row.ts'
import { median } from './statistics.ts'
import type { BenchOptions } from './steps.ts'
import { measure } from './stopwatch.ts'
import { createTask } from './tasks.ts'
import { arch, Workbench } from './workbench.ts'

/** At batch 1 and at the given batch. */
export async function benchInference(
  { ratios, batch, threads, repeat }: BenchOptions,
  report: (row: BenchRow) => void,
): Promise<void> {
  for (const size of new Set([1, batch])) {
    const bench = await Workbench.open({ batch: size, threads })
    for (const ratio of ratios) {
      const task = createTask('forward', bench, await bench.network(ratio), ratio)
      const seconds = await measure(task, repeat)
      task.dispose()
      const row = { work: 'forward', arch, ratio, batch: size, threads, implementation: ours } as const
      report({ group: 'inference', ...row, seconds, median: median(seconds) })
    }
    bench.dispose()
  }
}
