// The largest memory that this process has taken, counted from a chosen moment where the system allows it.
import { readFileSync, writeFileSync } from 'node:fs'

/** Frees what is no longer used and starts counting anew (Linux; elsewhere the count goes on). */
export function resetPeakMemory(): void {
  globalThis.gc?.()
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Not Linux, or not permitted: the peak is that of the whole run.
  }
}

/** Bytes resident at the peak. */
export function peakMemory(): number {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (kilobytes) return Number(kilobytes[1]) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}
