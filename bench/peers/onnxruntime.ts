// onnxruntime-node: forward passes on its CPU provider.
import { encodeOnnx, inputName, outputName } from './onnx-model.ts'
import type { PeerSettings, PeerTask } from './peer-task.ts'

interface OnnxTensor {
  data: Float32Array
}
interface OnnxRuntime {
  Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OnnxTensor
  InferenceSession: {
    create(
      model: Uint8Array,
      options: Record<string, unknown>,
    ): Promise<{ run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>> }>
  }
}

/** A model on the CPU provider: from images [N, C, H, W] to logits, row-major. */
export async function openSession(
  load: PeerSettings['load'],
  model: Uint8Array,
  threads: number,
): Promise<(images: Float32Array, shape: readonly number[]) => Promise<Float32Array>> {
  const { InferenceSession, Tensor }: OnnxRuntime = load('onnxruntime-node')
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
  return async (images, shape) =>
    (await session.run({ [inputName]: new Tensor('float32', images, shape) }))[outputName]!.data
}

export async function openOnnxRuntime({ load, model, threads }: PeerSettings): Promise<PeerTask> {
  const run = await openSession(load, encodeOnnx(model), threads)
  const logits = () => run(model.images, model.imageShape)
  return {
    run: async () => void (await logits()),
    check: async () => ({ logits: await logits() }),
  }
}
