// Which kernels compute the convolutions of a network.
import { kind, required } from '../inputs/kinds.ts'
import { checkOption } from '../inputs/options.ts'
import type { ConvKernels } from '../native/addon.ts'
import type { MaskedConv2d } from './masked-conv2d.ts'
import { Network } from './network.ts'

/** Which kernels compute a layer, and why. */
export interface LayerKernels extends ConvKernels {
  /** Of the layer. */
  readonly name: string
  /** [K, C / groups, R, S] */
  readonly weightShape: readonly number[]
  /** Pixels between two windows. */
  readonly stride: number
  /** [height, width] of the input, pixels. */
  readonly inputSize: readonly [number, number]
  /** Share of weights that are not zero, 0 to 1. */
  readonly density: number
}

const networkRow = required(kind('a Network', value => value instanceof Network))

/**
 * What the network's device chooses for its masks as they are.
 * @returns one a convolution, in their order
 * @throws ConfigError
 * @example
 * import { loadTicket, nn } from 'rst-native'
 * using ticket = await loadTicket('rst-5.safetensors')
 * const [{ name, weightShape, forward }] = await nn.layerKernels(ticket.network)
 * console.log(name, weightShape, forward)
 */
export async function layerKernels(network: Network): Promise<LayerKernels[]> {
  checkOption('network', network, networkRow, 'layerKernels')
  const calls = network.describe()
  const shapes = new Map<string, readonly number[]>([
    ['images', network.inputShape],
    ...calls.map(({ name, shape }) => [name, shape] as const),
  ])
  const layers: LayerKernels[] = []
  for (const layer of network.convolutions) {
    const { name, weightShape, stride, padding, groups = 1 } = layer.spec
    const expandedShape = weightShape.map((size, i) => (i === 1 ? size * groups : size))
    const { inputs } = calls.find(({ parameters }) => parameters.weight === layer.tensorNames.weight)!
    const inputShape = shapes.get(inputs[0]!)!
    const density = await densityOf(layer)
    layers.push({
      name,
      weightShape,
      stride,
      inputSize: [inputShape[1]!, inputShape[2]!],
      density,
      ...network.device.convKernels([1, ...inputShape], expandedShape, { stride, padding }, density / groups),
    })
  }
  return layers
}

async function densityOf({ effectiveWeight }: MaskedConv2d): Promise<number> {
  const values = await effectiveWeight.data()
  return values.reduce((count, value) => count + (value === 0 ? 0 : 1), 0) / values.length
}
