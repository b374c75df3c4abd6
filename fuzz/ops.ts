// Calls every op of the core at random, in processes of their own, so that a crash is a finding like others.
import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface FuzzOptions {
  seed: number
  /** Ends after about so long. */
  seconds?: number
  /** Ends after so many runs. Default 1000 where `seconds` is not given. */
  runs?: number
}

export interface FuzzResult {
  runs: number
  /** One sentence each, with what makes it happen again. */
  failures: string[]
  /** Whether runs ended as they should, such as how many with a typed error. */
  notes?: string[]
}

const child = fileURLToPath(new URL('ops-child.js', import.meta.url))
const batch = 1000
/** A call that takes longer has hung. */
const patienceSeconds = 60

export async function fuzzOps({ seed, seconds, runs }: FuzzOptions): Promise<FuzzResult> {
  const end = runs ?? (seconds === undefined ? 1000 : Number.POSITIVE_INFINITY)
  const deadline = performance.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1000
  const failures: string[] = []
  const counts = { results: 0, errors: 0 }
  let next = 0
  while (next < end && performance.now() < deadline) {
    next = await runBatch(seed, next, Math.min(next + batch, end), deadline, failures, counts)
  }
  return {
    runs: next,
    failures,
    notes: [`${counts.results} calls gave results and ${counts.errors} typed errors.`],
  }
}

/** @returns the number of the call to go on with */
function runBatch(
  seed: number,
  from: number,
  to: number,
  deadline: number,
  failures: string[],
  counts: { results: number; errors: number },
): Promise<number> {
  const process_ = spawn(process.execPath, [child, String(seed), String(from), String(to)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let begun = from
  let last = performance.now()
  let ending: 'hung' | 'deadline' | undefined
  let complaint = ''
  process_.stderr.on('data', chunk => {
    complaint = (complaint + chunk).slice(-300)
  })
  createInterface({ input: process_.stdout }).on('line', line => {
    const message = JSON.parse(line)
    last = performance.now()
    if (message.begins !== undefined) begun = message.begins
    if (message.failure !== undefined) failures.push(`seed ${seed}, ${message.failure}`)
    if (message.counts) {
      counts.results += message.counts.results
      counts.errors += message.counts.errors
    }
  })
  const watch = setInterval(() => {
    const now = performance.now()
    if (now > deadline) ending = 'deadline'
    else if (now - last > patienceSeconds * 1000) ending = 'hung'
    if (ending) process_.kill('SIGKILL')
  }, 200)
  return new Promise(resolve => {
    process_.on('close', (code, signal) => {
      clearInterval(watch)
      if (code === 0) return resolve(to)
      if (ending === 'deadline') return resolve(begun)
      const how = ending === 'hung' ? `hung for ${patienceSeconds} s` : `died by ${signal ?? `exit ${code}`}`
      const call = execFileSync(process.execPath, [child, String(seed), String(begun), String(begun)])
      failures.push(`seed ${seed}, call ${begun}, ${call.toString().trim()}: the process ${how} ${complaint}`)
      resolve(begun + 1)
    })
  })
}
