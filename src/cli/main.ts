#!/usr/bin/env node
import '../dispose-symbol.ts'
import { performance } from 'node:perf_hooks'

/**
 * What ends a command after a checkpoint: Ctrl-C; what Slurm, Kubernetes, Docker and systemd send before they kill; the
 * end of a terminal.
 */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// A reader that stops early, such as head, is no failure, nor is a terminal that was closed: a checkpoint is written yet.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', error => {
    if (!['EPIPE', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  })
}

// Before the modules are loaded whose places it names.
if (process.env.RST_DEBUG) process.setSourceMapsEnabled(true)
const { run } = await import('./program.ts')

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: () => performance.now(),
  date: () => new Date(),
  onInterrupt(handler) {
    for (const signal of stopSignals) process.on(signal, handler)
    return () => {
      for (const signal of stopSignals) process.off(signal, handler)
    }
  },
  exit: code => process.exit(code),
})
