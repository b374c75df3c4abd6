// node memory-process.js WORK RATIO BATCH THREADS: does the work twice and sends its peak memory to the parent.
import { type PeakBytes, peakMemory } from './memory.ts'
import type { Work } from './row.ts'
import { createTask } from './tasks.ts'
import { Workbench } from './workbench.ts'

const [work, ratio, batch, threads] = process.argv.slice(2) as [Work, string, string, string]
const bench = await Workbench.open({ batch: Number(batch), threads: Number(threads) })
const task = createTask(work, bench, await bench.network(Number(ratio)), Number(ratio))
await task.run(2)
const peak: PeakBytes = { device: bench.device.memory().peak, process: peakMemory() }
process.send!(peak, () => process.disconnect())
