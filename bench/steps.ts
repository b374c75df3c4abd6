// Whole steps of resnet18-cifar: one of PGD-20, one of the PGD-7 search, one of dense adversarial training.

import type { Device } from '../src/tensor/device.ts'
import { workMemory } from './memory.ts'
import { type BenchRow, ours, type Work } from './row.ts'
import { median } from './statistics.ts'
import { measure, type Task } from './stopwatch.ts'
import { createTask } from './tasks.ts'
import { arch, Workbench } from './workbench.ts'

export interface BenchOptions {
  ratios: readonly number[]
  batch: number
  threads: number
  repeat: number
  works: readonly Work[]
}

/** Calls report for each (ratio, work) as soon as it is measured; dense training is timed once, at ratio 1. */
export async function benchSteps(
  { ratios, batch, threads, repeat, works }: BenchOptions,
  report: (row: BenchRow) => void,
): Promise<void> {
  const masked = works.filter(work => work === 'pgd-step' || work === 'search-step')
  const runs: { work: Work; ratio: number }[] = ratios.flatMap(ratio => masked.map(work => ({ work, ratio })))
  if (works.includes('train-step')) runs.push({ work: 'train-step', ratio: 1 })
  for (const { work, ratio } of runs) {
    const bench = await Workbench.open({ batch, threads })
    const task = createTask(work, bench, await bench.network(ratio), ratio)
    const shares: number[] = []
    const seconds = await measure(withCompileShares(task, bench.device, shares), repeat)
    task.dispose()
    bench.dispose()
    report({
      group: 'steps',
      work,
      arch,
      ratio,
      batch,
      threads,
      implementation: ours,
      seconds,
      median: median(seconds),
      compileShare: median(shares),
      peakBytes: await workMemory(work, { ratio, batch, threads }),
    })
  }
}

/** The same task, noting for each run the share of its time in which the device compiled weights. */
function withCompileShares(task: Task, device: Device, shares: number[]): Pick<Task, 'run'> {
  return {
    async run(iterations) {
      const before = Number(device.facts.weightCompileSeconds)
      const started = performance.now()
      await task.run(iterations)
      const seconds = (performance.now() - started) / 1000
      shares.push((Number(device.facts.weightCompileSeconds) - before) / seconds)
    },
  }
}
