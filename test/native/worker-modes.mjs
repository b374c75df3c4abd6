// Ends workers that use the addon in one of several ways; run by workers.test.ts in a process of its own:
// node worker-modes.mjs MODE COUNT with|without, where the last says whether the main thread loads the addon too.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const addon = () => createRequire(import.meta.url)('node-gyp-build')(root)
const shape = [1 << 16]

function device() {
  const native = addon()
  const handle = native.createDevice({ library: '', index: 0, threads: 2, memoryLimit: 0, sparse: true })
  const x = native.upload(handle, shape, 'f32', new Uint8Array(4 * shape[0]))
  const sums = from => {
    let y = from
    for (let i = 0; i < 10; i++) y = native.run(handle, 'add', [y.handle, x.handle], {})[0]
    return y
  }
  const first = native.upload(handle, shape, 'f32', new Uint8Array(4 * shape[0]))
  const record = () => native.beginRecording(handle, [first.handle])
  record()
  const recording = native.endRecording(handle, [sums(first).handle]).handle
  // Half of it by replay.
  const read = () => native.read(handle, native.replay(recording, [sums(x).handle])[0].handle)
  return { read, record }
}

const modes = {
  /** Waits for results, many at a time, until it is terminated. */
  terminated: async ({ read }) => {
    parentPort.postMessage('busy')
    for (;;) await Promise.all(Array.from({ length: 50 }, read))
  },
  throwing: async ({ read }) => {
    for (let i = 0; i < 20; i++) read()
    throw new Error('thrown on purpose')
  },
  exiting: async ({ read }) => {
    for (let i = 0; i < 20; i++) read()
    process.exit(3)
  },
  /** Ends in the middle of a recording. */
  recording: async ({ read, record }) => {
    for (let i = 0; i < 5; i++) read()
    record()
  },
  /** Ends with results awaited by nobody. */
  returning: async ({ read }) => {
    for (let i = 0; i < 5; i++) read()
  },
}

async function run(mode) {
  const worker = new Worker(new URL(import.meta.url), { workerData: mode })
  worker.on('error', error => {
    if (error.message !== 'thrown on purpose') throw error
  })
  const ended = new Promise(resolve => worker.once('exit', resolve))
  if (mode === 'terminated') {
    await new Promise(resolve => worker.once('message', resolve))
    await new Promise(resolve => setTimeout(resolve, 5))
    await worker.terminate()
  }
  await ended
}

if (isMainThread) {
  const [mode, count, main] = process.argv.slice(2)
  const own = main === 'with' ? device() : undefined
  // Four at a time, so that one starts while another ends.
  for (let done = 0; done < Number(count); done += 4) {
    await Promise.all(Array.from({ length: 4 }, () => run(mode)))
  }
  if (own && (await own.read()).byteLength !== 4 * shape[0]) throw new Error('wrong length')
  console.log('lives')
} else {
  await modes[workerData](device())
}
