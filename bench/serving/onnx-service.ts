// node onnx-service.js MODEL_FILE THREADS MAX_BATCH: the HTTP service of examples/serve, with ONNX Runtime in the place of
// tickets. Prints the port that it listens on.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { packageRoot } from '../../src/native/package-root.ts'

const [modelFile, threads, maxBatch] = process.argv.slice(2) as [string, string, string]
const worker = new Worker(new URL('onnx-worker.js', import.meta.url), {
  workerData: { modelFile, threads: Number(threads) },
})
const [inputShape]: number[][] = await once(worker, 'message')

/** What service.js takes for its model. It runs one batch at a time. */
const served = {
  hold: () => ({
    inputShape,
    classNames: undefined,
    draw: () => ({ lane: worker, ticket: 0 }),
    release() {},
  }),
  async run(_: unknown, images: readonly Float32Array[]) {
    const size = images[0]!.length
    const pixels = new Float32Array(images.length * size)
    for (const [n, image] of images.entries()) pixels.set(image, n * size)
    worker.postMessage({ images: pixels, count: images.length }, [pixels.buffer])
    const [logits]: Float32Array[] = await once(worker, 'message')
    const classes = logits!.length / images.length
    return images.map((_, n) => softmax(logits!.subarray(n * classes, (n + 1) * classes)))
  },
}

function softmax(logits: Float32Array) {
  const largest = Math.max(...logits)
  const powers = logits.map(logit => Math.exp(logit - largest))
  const sum = powers.reduce((total, power) => total + power)
  return { label: logits.indexOf(largest), probabilities: powers.map(power => power / sum) }
}

const part = (name: string) => import(pathToFileURL(join(packageRoot, 'examples/serve', name)).href)
const { buildService } = await part('service.js')
const { readOptions } = await part('options.js')
const { createMetrics } = await part('metrics.js')
const options = readOptions(['--max-batch', maxBatch, '--log-level', 'silent', 'none'], {})
const { app } = buildService(served, options, createMetrics())
await app.listen({ port: 0, host: '127.0.0.1' })
console.log((app.server.address() as AddressInfo).port)
