// The largest memory that a process has taken, and that one which does a single work takes.
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Work } from './row.ts'

/** Bytes of this process resident at the peak. */
export function peakMemory(): number {
  try {
    // Not maxRSS, which on Linux starts at the peak of the process that started this one.
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (kilobytes) return Number(kilobytes[1]) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}

/** Bytes at the peak: of the device's live tensors, and of the process. */
export interface PeakBytes {
  device: number
  process: number
}

export interface WorkSettings {
  ratio: number
  batch: number
  threads: number
}

/** Of a process that does the work a few times and nothing else: what one work frees need not go back to the system. */
export function workMemory(work: Work, { ratio, batch, threads }: WorkSettings): Promise<PeakBytes> {
  const script = fileURLToPath(new URL('memory-process.js', import.meta.url))
  const child = fork(script, [work, `${ratio}`, `${batch}`, `${threads}`])
  return new Promise((resolve, reject) => {
    child.once('message', peak => resolve(peak as PeakBytes))
    child.once('exit', code => reject(new Error(`The process that measures memory ended with ${code}.`)))
    child.once('error', reject)
  })
}
