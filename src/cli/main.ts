#!/usr/bin/env node
import { performance } from 'node:perf_hooks'
import { run } from './program.ts'

// A reader that stops early, such as head, is no failure.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
})

process.exitCode = await run(process.argv.slice(2), () => import('../index.ts'), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: () => performance.now(),
  onInterrupt(handler) {
    process.on('SIGINT', handler)
    return () => process.off('SIGINT', handler)
  },
  exit: code => process.exit(code),
})
