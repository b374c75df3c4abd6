// node onnx-service.js MODEL_FILE THREADS MAX_BATCH: the HTTP service of examples/serve, with ONNX Runtime in the place of
// tickets. Prints the port that it listens on.
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../src/native/package-root.ts'
import { readModelFile } from '../peers/model-file.ts'
import { encodeOnnx } from '../peers/onnx-model.ts'
import { openSession } from '../peers/onnxruntime.ts'

const [modelFile, threads, maxBatch] = process.argv.slice(2) as [string, string, string]
const model = await readModelFile(modelFile)
const load = createRequire(join(packageRoot, 'bench', 'peers', 'package.json'))
const logitsOf = await openSession(load, encodeOnnx(model, 'N'), Number(threads))
const [, ...inputShape] = model.imageShape

/** What service.js takes for its model. */
const served = {
  hold: () => ({
    inputShape,
    classNames: undefined,
    draw: () => ({ lane: logitsOf, ticket: 0 }),
    release() {},
  }),
  async run(_: unknown, images: readonly Float32Array[]) {
    const size = images[0]!.length
    const pixels = new Float32Array(images.length * size)
    for (const [n, image] of images.entries()) pixels.set(image, n * size)
    const logits = await logitsOf(pixels, [images.length, ...inputShape])
    const classes = logits.length / images.length
    return images.map((_, n) => softmax(logits.subarray(n * classes, (n + 1) * classes)))
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
