// TensorFlow.js on its three backends under Node: forward passes and gradients to the input.
import { dirname, join } from 'node:path'
import type { FoldedConv } from './model-file.ts'
import type { PeerSettings, PeerTask } from './peer-task.ts'
import { type GraphBuilder, resnet18Cifar } from './resnet18-graph.ts'

export type TfjsBackend = 'tfjs-cpu' | 'tfjs-wasm' | 'tfjs-node'

interface TfTensor {
  readonly shape: readonly number[]
  data(): Promise<Float32Array>
  dispose(): void
}
type Unary = (x: TfTensor) => TfTensor
type Binary = (a: TfTensor, b: TfTensor) => TfTensor
/** The functions of @tensorflow/tfjs that are used here. */
interface Tfjs {
  setBackend(name: string): Promise<boolean>
  tidy<T>(body: () => T): T
  tensor(data: Float32Array | Int32Array, shape: readonly number[], dtype?: 'int32'): TfTensor
  grad(f: Unary): Unary
  customGrad(
    f: (
      x: TfTensor,
      save: (tensors: readonly TfTensor[]) => void,
    ) => { value: TfTensor; gradFunc: (dy: TfTensor, saved: readonly TfTensor[]) => TfTensor },
  ): Unary
  conv2d(x: TfTensor, filter: TfTensor, strides: number, pad: 'same' | 'valid'): TfTensor
  fused: { conv2d(options: Record<string, unknown>): TfTensor }
  add: Binary
  sub: Binary
  div: Binary
  mul: Binary
  relu: Unary
  softmax: Unary
  oneHot(labels: TfTensor, classes: number): TfTensor
  sum: Unary
  mean(x: TfTensor, axes: readonly number[], keepDims: boolean): TfTensor
  pad(x: TfTensor, paddings: readonly (readonly [number, number])[]): TfTensor
  transpose(x: TfTensor, permutation: readonly number[]): TfTensor
  reshape(x: TfTensor, shape: readonly number[]): TfTensor
}

export async function openTfjs(backend: TfjsBackend, { load, model, work }: PeerSettings): Promise<PeerTask> {
  const tf = await loadBackend(backend, load)
  const channelsLast = [0, 2, 3, 1]
  const [batch] = model.imageShape
  const images = tf.tidy(() => tf.transpose(tf.tensor(model.images, model.imageShape), channelsLast))
  const labels = tf.tensor(model.labels, [batch], 'int32')
  const mean = tf.tensor(model.mean, [1, 1, 1, model.mean.length])
  const std = tf.tensor(model.std, [1, 1, 1, model.std.length])
  const network = new TfNetwork(tf, work === 'forward')
  for (const conv of model.convolutions.values()) network.load(conv)

  const logits = (x: TfTensor) => {
    const maps = resnet18Cifar(network, model.convolutions, tf.div(tf.sub(x, mean), std))
    return tf.reshape(maps, [batch, -1])
  }
  const gradient = tf.grad(x => crossEntropySum(tf, labels)(logits(x)))
  const result = work === 'forward' ? logits : gradient
  return {
    async run() {
      const y = tf.tidy(() => result(images))
      await y.data()
      y.dispose()
    },
    async check() {
      const values = await tf.tidy(() => logits(images)).data()
      if (work === 'forward') return { logits: values }
      const dx = tf.tidy(() => tf.transpose(gradient(images), [0, 3, 1, 2]))
      return { logits: values, gradient: await dx.data() }
    },
  }
}

async function loadBackend(backend: TfjsBackend, load: NodeJS.Require): Promise<Tfjs> {
  if (backend === 'tfjs-node') {
    const tf: Tfjs = load('@tensorflow/tfjs-node')
    await selectBackend(tf, 'tensorflow')
    return tf
  }
  // Not @tensorflow/tfjs-core: that alone has no gradients.
  const tf: Tfjs = load('@tensorflow/tfjs')
  if (backend === 'tfjs-cpu') {
    load('@tensorflow/tfjs-backend-cpu')
    await selectBackend(tf, 'cpu')
    return tf
  }
  const name = '@tensorflow/tfjs-backend-wasm'
  const wasm: { setWasmPaths(prefix: string): void } = load(name)
  wasm.setWasmPaths(join(dirname(load.resolve(`${name}/package.json`)), 'dist', '/'))
  await selectBackend(tf, 'wasm')
  return tf
}

async function selectBackend(tf: Tfjs, name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js could not start its backend '${name}'.`)
}

/** Σ −log softmax(logits)[label]; only its gradient is of interest, so the value is left at 0. */
function crossEntropySum(tf: Tfjs, labels: TfTensor): Unary {
  return tf.customGrad((logits, save) => {
    const difference = tf.sub(tf.softmax(logits), tf.oneHot(labels, logits.shape[1]!))
    save([difference])
    return {
      value: tf.sum(tf.sub(logits, logits)),
      gradFunc: (dy, [saved]) => tf.mul(dy, saved!),
    }
  })
}

class TfNetwork implements GraphBuilder<TfTensor> {
  readonly #tf: Tfjs
  readonly #fused: boolean
  readonly #parameters = new Map<string, { filter: TfTensor; bias: TfTensor }>()

  /** `fused`: bias and ReLU within the convolution, whose gradient would bring the filter's gradient with it. */
  constructor(tf: Tfjs, fused: boolean) {
    this.#tf = tf
    this.#fused = fused
  }

  /** [K, C, R, S] → [R, S, C, K] */
  load({ name, shape, weight, bias }: FoldedConv): void {
    const tf = this.#tf
    const filter = tf.tidy(() => tf.transpose(tf.tensor(weight, shape), [2, 3, 1, 0]))
    this.#parameters.set(name, { filter, bias: tf.tensor(bias, [bias.length]) })
  }

  /** TensorFlow's 'same' pads unevenly at stride 2, so there the padding is an op of its own. */
  conv(
    x: TfTensor,
    { name, shape }: FoldedConv,
    { stride, relu }: { stride: number; relu: boolean },
  ): TfTensor {
    const tf = this.#tf
    const explicit = shape[2] === 3 && stride === 2
    const pad = explicit ? 'valid' : 'same'
    const around = [1, 1] as const
    const padded = explicit ? tf.pad(x, [[0, 0], around, around, [0, 0]]) : x
    const { filter, bias } = this.#parameters.get(name)!
    if (this.#fused) {
      const activation = relu ? 'relu' : 'linear'
      return tf.fused.conv2d({ x: padded, filter, bias, strides: stride, pad, activation })
    }
    const y = tf.add(tf.conv2d(padded, filter, stride, pad), bias)
    return relu ? tf.relu(y) : y
  }

  addRelu(a: TfTensor, b: TfTensor): TfTensor {
    return this.#tf.relu(this.#tf.add(a, b))
  }

  globalAveragePool(x: TfTensor): TfTensor {
    return this.#tf.mean(x, [1, 2], true)
  }
}
