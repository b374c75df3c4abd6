// Which kernels compute the convolutions of a network.
import { kind, required } from '../inputs/kinds.ts'
import { checkOption } from '../inputs/options.ts'
import type { ConvKernels } from '../native/addon.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import type { MaskedConv2d } from './masked-conv2d.ts'
import { Network } from './network.ts'

export interface LayerKernels extends ConvKernels {
  readonly name: string
  /** [K, C, R, S] */
  readonly weightShape: readonly number[]
  readonly stride: number
  /** [height, width] of the input. */
  readonly inputSize: readonly [number, number]
  /** Share of weights that are not zero. */
  readonly density: number
}

const networkRow = required(kind('a Network', value => value instanceof Network))

/** What the network's device chooses for its masks as they are; a forward pass of one image finds the layers' inputs. */
export async function layerKernels(network: Network): Promise<LayerKernels[]> {
  checkOption('network', network, networkRow, 'layerKernels')
  const { device, mode } = network
  network.mode = 'eval'
  scope(() => void network.logits(ops.full([1, ...network.inputShape], 0, device)))
  network.mode = mode
  const layers: LayerKernels[] = []
  for (const layer of network.convolutions) {
    const { name, weightShape, stride, padding } = layer.spec
    const inputShape = layer.inputShape!
    const density = await densityOf(layer)
    layers.push({
      name,
      weightShape,
      stride,
      inputSize: [inputShape[2]!, inputShape[3]!],
      density,
      ...device.convKernels(inputShape, weightShape, { stride, padding }, density),
    })
  }
  return layers
}

async function densityOf({ weight, mask }: MaskedConv2d): Promise<number> {
  using kept = mask && ops.maskedWeight(weight, mask)
  const values = await (kept ?? weight).data()
  return values.reduce((count, value) => count + (value === 0 ? 0 : 1), 0) / values.length
}
