#!/usr/bin/env node
// @ts-check
// Serves tickets over HTTP: node main.js --help
import cluster from 'node:cluster'
import { help, readOptions, UsageError } from './options.js'

try {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options === 'help') process.stdout.write(help)
  else if (cluster.isPrimary) await (await import('./primary.js')).runPrimary(options)
  else await (await import('./worker.js')).runWorker(options)
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
  if (!(error instanceof UsageError) && code !== 'EADDRINUSE' && code !== 'EACCES') throw error
  process.stderr.write(`${message}\n`)
  process.exit(error instanceof UsageError ? 2 : 1)
}
