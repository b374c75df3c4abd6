// ONNX Runtime in a thread of its own: its `run` computes on the thread that calls it, where it would hold up the event loop
// of the service.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { packageRoot } from '../../src/native/package-root.ts'
import { readModelFile } from '../peers/model-file.ts'
import { encodeOnnx } from '../peers/onnx-model.ts'
import { openSession } from '../peers/onnxruntime.ts'

const { modelFile, threads }: { modelFile: string; threads: number } = workerData
const model = await readModelFile(modelFile)
const load = createRequire(join(packageRoot, 'bench', 'peers', 'package.json'))
const logitsOf = await openSession(load, encodeOnnx(model, 'N'), threads)
const [, ...inputShape] = model.imageShape

parentPort!.on('message', async ({ images, count }: { images: Float32Array; count: number }) => {
  parentPort!.postMessage(await logitsOf(images, [count, ...inputShape]))
})
parentPort!.postMessage(inputShape)
