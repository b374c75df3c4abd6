// The inputs that we and the peers share, as one safetensors file: images, labels, and the network of our seeds.
import { readFile, writeFile } from 'node:fs/promises'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../../src/files/safetensors.ts'
import type { Network } from '../../src/nn/network.ts'
import type { Workbench } from '../workbench.ts'

/** Added to the variance by every implementation. */
const eps = 1e-5

/**
 * `images`, `labels`, `mean`, `std`; for each convolution `.weight`, `.mask` (0/1) and `.scores`; for each batch norm
 * `.running_mean` and `.running_var`.
 */
export async function writeModelFile(
  path: string,
  { images, training }: Workbench,
  network: Network,
): Promise<void> {
  const { mean, std } = training.data.info
  const tensors = new Map<string, StoredTensor>([
    ['images', { dtype: 'F32', shape: images.images.shape, data: await images.images.data() }],
    ['labels', { dtype: 'I32', shape: images.labels.shape, data: await images.labels.data() }],
    ['mean', { dtype: 'F32', shape: [mean.length], data: Float32Array.from(mean) }],
    ['std', { dtype: 'F32', shape: [std.length], data: Float32Array.from(std) }],
  ])
  for (const { spec, weight, mask, scores } of network.convolutions) {
    const shape = spec.weightShape
    tensors.set(`${spec.name}.weight`, { dtype: 'F32', shape, data: await weight.data() })
    tensors.set(`${spec.name}.mask`, { dtype: 'U8', shape, data: await mask!.data() })
    tensors.set(`${spec.name}.scores`, { dtype: 'F32', shape, data: await scores!.data() })
  }
  for (const { spec, runningMean, runningVar } of network.batchNorms) {
    const shape = [spec.channels]
    tensors.set(`${spec.name}.running_mean`, { dtype: 'F32', shape, data: await runningMean.data() })
    tensors.set(`${spec.name}.running_var`, { dtype: 'F32', shape, data: await runningVar.data() })
  }
  await writeFile(path, encodeSafetensors({ metadata: {}, tensors }))
}

/** A convolution with the batch norm after it folded in. */
export interface FoldedConv {
  readonly name: string
  /** [K, C, R, S] */
  readonly shape: readonly number[]
  /** Masked and scaled. */
  readonly weight: Float32Array
  /** [K] */
  readonly bias: Float32Array
}

export interface PeerModel {
  /** [N, C, H, W] in [0, 1] */
  readonly images: Float32Array
  readonly imageShape: readonly [number, number, number, number]
  readonly labels: Int32Array
  readonly mean: Float32Array
  readonly std: Float32Array
  readonly convolutions: ReadonlyMap<string, FoldedConv>
}

export async function readModelFile(path: string): Promise<PeerModel> {
  const { tensors } = decodeSafetensors(await readFile(path), path)
  const floats = (name: string) => tensors.get(name)!.data as Float32Array
  const convolutions = new Map<string, FoldedConv>()
  for (const [key, { shape }] of tensors) {
    if (!key.endsWith('.weight')) continue
    const name = key.slice(0, -'.weight'.length)
    const mask = tensors.get(`${name}.mask`)!.data as Uint8Array
    const weight = floats(key).map((value, i) => (mask[i] ? value : 0))
    const norm = batchNormOf(name)
    const folded = norm
      ? fold(weight, floats(`${norm}.running_mean`), floats(`${norm}.running_var`))
      : { weight, bias: new Float32Array(shape[0]!) }
    convolutions.set(name, { name, shape, ...folded })
  }
  return {
    images: floats('images'),
    imageShape: tensors.get('images')!.shape as [number, number, number, number],
    labels: tensors.get('labels')!.data as Int32Array,
    mean: floats('mean'),
    std: floats('std'),
    convolutions,
  }
}

/** conv1 → bn1, layer1.0.conv2 → layer1.0.bn2, layer2.0.shortcut → layer2.0.shortcutBn; the classifier has none. */
export function batchNormOf(convolution: string): string | null {
  if (convolution === 'linear') return null
  return convolution.endsWith('shortcut') ? `${convolution}Bn` : convolution.replace(/conv(\d)$/, 'bn$1')
}

/** (w∗x − mean) / √(variance + eps) as one convolution with a bias. */
export function fold(
  weight: Float32Array,
  mean: Float32Array,
  variance: Float32Array,
): { weight: Float32Array; bias: Float32Array } {
  const scale = variance.map(value => 1 / Math.sqrt(value + eps))
  const perChannel = weight.length / scale.length
  return {
    weight: weight.map((value, i) => value * scale[Math.floor(i / perChannel)]!),
    bias: mean.map((value, channel) => -value * scale[channel]!),
  }
}
