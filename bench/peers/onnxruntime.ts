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

export async function openOnnxRuntime({ load, model, threads }: PeerSettings): Promise<PeerTask> {
  const { InferenceSession, Tensor }: OnnxRuntime = load('onnxruntime-node')
  const session = await InferenceSession.create(encodeOnnx(model), {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
  const images = new Tensor('float32', model.images, model.imageShape)
  const logits = async () => (await session.run({ [inputName]: images }))[outputName]!.data
  return {
    run: async () => void (await logits()),
    check: async () => ({ logits: await logits() }),
  }
}
