// The same work here and in other libraries, in turn and on the same inputs.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { scope } from '../src/tensor/scope.ts'
import { type PeakBytes, workMemory } from './memory.ts'
import { checkAgreement } from './peers/agreement.ts'
import { type Comparison, comparisons, installHint, peerCommand } from './peers/catalogue.ts'
import { writeModelFile } from './peers/model-file.ts'
import { type CheckedValues, PeerProcess } from './peers/peer-process.ts'
import { type BenchRow, ours, type Work } from './row.ts'
import { median, speedup } from './statistics.ts'
import type { BenchOptions } from './steps.ts'
import { iterationsFor, type Task, time } from './stopwatch.ts'
import { createTask, lossGradient } from './tasks.ts'
import { arch, Workbench } from './workbench.ts'

export interface PeersOptions extends BenchOptions {
  /** Names of peers to compare with. */
  peers: readonly string[]
  /** Repetitions where one of the peer's takes more than ten seconds. */
  slowRepeat: number
}

/** Seconds of a repetition from which `slowRepeat` counts. */
const slow = 10
/** Milliseconds for the threads of the one that ran last to fall asleep. */
const pause = 50
/** A peer's time does not depend on how many weights are zero: it runs at this ratio, or at the first one asked for. */
const maskedRatio = 0.05

export async function benchPeers(options: PeersOptions, report: (row: BenchRow) => void): Promise<void> {
  const chosen = comparisons.filter(
    ({ peer, work }) => options.peers.includes(peer) && options.works.includes(work),
  )
  const memories = new Memories(options.threads)
  const folder = await mkdtemp(join(tmpdir(), 'rst-bench-'))
  try {
    for (const comparison of chosen) {
      const rows = await compare(comparison, options, join(folder, 'model.safetensors'))
      for (const row of rows) {
        const isOurs = row.implementation === ours
        report(isOurs ? { ...row, peakBytes: await memories.of(comparison.work, row) } : row)
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Our peak memory, measured once for each work, ratio and batch. */
class Memories {
  readonly #threads: number
  readonly #known = new Map<string, PeakBytes>()

  constructor(threads: number) {
    this.#threads = threads
  }

  async of(work: Work, { ratio, batch }: { ratio: number; batch: number }): Promise<PeakBytes> {
    const key = `${work} ${ratio} ${batch}`
    const peak = this.#known.get(key) ?? (await workMemory(work, { ratio, batch, threads: this.#threads }))
    this.#known.set(key, peak)
    return peak
  }
}

async function compare(
  comparison: Comparison,
  options: PeersOptions,
  modelFile: string,
): Promise<BenchRow[]> {
  const { peer, work } = comparison
  const { threads, ratios } = options
  const batch = comparison.batch === 'full' ? options.batch : comparison.batch
  const masked = ratios.includes(maskedRatio) ? maskedRatio : ratios[0]!
  const peerRatio = comparison.weights === 'dense' ? 1 : masked
  const peerRow = {
    group: 'peers',
    work,
    arch,
    ratio: peerRatio,
    batch,
    threads,
    implementation: peer,
  } as const
  const bench = await Workbench.open({ batch, threads })
  let running: PeerProcess | undefined
  try {
    const expected = await writeInputs(comparison, bench, peerRatio, modelFile)
    running = await startPeer(comparison, modelFile, threads)
    checkAgreement(await running.check(), expected)
    // Dense training is dense on our side, too.
    const tasks = await openTasks(comparison, bench, work === 'train-step' ? [1] : ratios)
    const rounds = await runInTurn(running, tasks, options)
    for (const { task } of tasks) task.dispose()
    const peakBytes = { process: await running.peakMemory() }
    return [
      { ...peerRow, seconds: rounds.peer, median: median(rounds.peer), peakBytes },
      ...tasks.map(({ ratio }, i) => ({
        ...peerRow,
        ratio,
        implementation: ours,
        seconds: rounds.ours[i]!,
        median: median(rounds.ours[i]!),
        peer,
        speedup: speedup(rounds.ours[i]!, rounds.peer),
      })),
    ]
  } catch (error) {
    return [{ ...peerRow, seconds: [], median: null, missing: (error as Error).message }]
  } finally {
    await running?.stop()
    bench.dispose()
  }
}

/** @throws Error with the reason and what would help */
async function startPeer(comparison: Comparison, modelFile: string, threads: number): Promise<PeerProcess> {
  try {
    return await PeerProcess.start(peerCommand(comparison, modelFile, threads))
  } catch (error) {
    const reason = (error as Error).message.replace(/[.!]?$/, '.')
    throw new Error(`${reason} To measure it, ${installHint(comparison.peer)}.`)
  }
}

/** Writes the model file, and returns what the peer is to compute from it. */
async function writeInputs(
  { work }: Comparison,
  bench: Workbench,
  ratio: number,
  modelFile: string,
): Promise<CheckedValues> {
  const network = await bench.network(ratio)
  await writeModelFile(modelFile, bench, network)
  network.mode = work === 'search-step' || work === 'train-step' ? 'train' : 'eval'
  using logits = scope(() => network.logits(bench.images.images))
  const expected: CheckedValues = { logits: [...(await logits.data())] }
  if (work === 'input-gradient') {
    using gradient = lossGradient(network, bench.images)
    expected.gradient = [...(await gradient.data())]
  }
  network.dispose()
  return expected
}

interface OurTask {
  ratio: number
  task: Task
}

async function openTasks(
  { work }: Comparison,
  bench: Workbench,
  ratios: readonly number[],
): Promise<OurTask[]> {
  const tasks: OurTask[] = []
  for (const ratio of ratios) {
    tasks.push({ ratio, task: createTask(work, bench, await bench.network(ratio), ratio) })
  }
  return tasks
}

/** Rounds of one repetition of the peer and one of each of our tasks. */
async function runInTurn(
  peer: PeerProcess,
  tasks: readonly OurTask[],
  { repeat, slowRepeat }: PeersOptions,
): Promise<{ peer: number[]; ours: number[][] }> {
  const runners: ((iterations: number) => Promise<number>)[] = [
    iterations => peer.time(iterations),
    ...tasks.map(
      ({ task }) =>
        (iterations: number) =>
          time(task, iterations),
    ),
  ]
  for (const { task } of tasks) await task.run(1)
  const estimates: number[] = []
  for (const run of runners) estimates.push(await run(1))
  const isSlow = estimates[0]! > slow
  // A slow peer's estimate is its first repetition: it was warmed up before it said that it is ready.
  const seconds = runners.map((_, i): number[] => (isSlow ? [estimates[i]!] : []))
  while (seconds[0]!.length < (isSlow ? slowRepeat : repeat)) {
    for (const [i, run] of runners.entries()) {
      await setTimeout(pause)
      seconds[i]!.push(await run(iterationsFor(estimates[i]!)))
    }
  }
  return { peer: seconds[0]!, ours: seconds.slice(1) }
}
