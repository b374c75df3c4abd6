// The architectures by name.
import { ConfigError } from '../errors.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import { checkFields, describeValue } from '../inputs/options.ts'
import { type Architecture, graphOf, type NetworkSize } from '../nn/graph.ts'
import { Network, type NetworkOptions, sizeRows } from '../nn/network.ts'
import { lenet5 } from './lenet.ts'
import { mobilenetV2Cifar } from './mobilenet.ts'
import { preactResnet18, resnet18, resnet18Cifar, resnet50, resnet101, wideResnet34x10 } from './resnet.ts'
import { conv2, conv4, conv6 } from './small-convs.ts'
import { vgg16BnCifar } from './vgg.ts'

const architectures: Record<string, Architecture> = {
  'preact-resnet18': preactResnet18,
  'resnet18-cifar': resnet18Cifar,
  'wide-resnet-34-10': wideResnet34x10,
  resnet18,
  resnet50,
  resnet101,
  conv2,
  conv4,
  conv6,
  lenet5,
  'vgg16-bn-cifar': vgg16BnCifar,
  'mobilenet-v2-cifar': mobilenetV2Cifar,
}
/** Other names that the paper uses. */
const aliases: Record<string, string> = { 'wide-resnet32': 'wide-resnet-34-10' }

/** The names of all architectures, as `arch` takes them. */
export const names: readonly string[] = Object.keys(architectures)

/**
 * Whether an architecture, or an alias of one, has this name.
 * @param arch anything
 * @example
 * import { models } from 'rst-native'
 * console.log(models.isName('preact-resnet18'), models.isName('resnet9')) // → true false
 */
export function isName(arch: unknown): boolean {
  return typeof arch === 'string' && (Object.hasOwn(architectures, arch) || Object.hasOwn(aliases, arch))
}

/**
 * The name an architecture is saved under.
 * @param arch its name, or an alias
 * @throws ConfigError for an unknown one
 * @example
 * import { models } from 'rst-native'
 * console.log(models.canonicalName('wide-resnet32')) // → wide-resnet-34-10
 */
export function canonicalName(arch: string): string {
  if (!isName(arch)) {
    const meant = typeof arch === 'string' ? didYouMean(arch, names) : ''
    throw new ConfigError(
      `Expected one of ${names.join(', ')} for arch but received ${describeValue(arch)}${meant || '.'}`,
      'arch',
    )
  }
  return Object.hasOwn(aliases, arch) ? aliases[arch]! : arch
}

/**
 * A network without weights: draw or load them next.
 * @param arch its name, or an alias
 * @param options size, normalisation and device
 * @throws ConfigError
 * @example
 * import { Device, datasets, models } from 'rst-native'
 * const { classes, mean, std } = datasets.info('cifar10')
 * const size = { classes, inChannels: 3, imageSize: [32, 32] as const, width: 1 }
 * const network = models.create('preact-resnet18', { ...size, mean, std, device: Device.default })
 * console.log(network.weightCount, network.convolutions.length) // → 11164352 21
 * network.dispose()
 */
export function create(arch: string, options: NetworkOptions): Network {
  return new Network(architectures[canonicalName(arch)]!, options)
}

/**
 * The layers that a network will have, found without taking memory for them.
 * @param arch its name, or an alias
 * @param options its size
 * @returns convolutions and linear layers with weights [K, C / groups, R, S], and batch norms
 * @throws ConfigError
 * @example
 * import { models } from 'rst-native'
 * const size = { classes: 10, inChannels: 1, imageSize: [28, 28] as const, width: 1 }
 * const { layers } = models.layersOf('lenet5', size)
 * console.log(layers.length, layers[0].name, layers[0].weightShape) // → 5 conv1 [6, 1, 5, 5]
 */
export function layersOf(
  arch: string,
  options: NetworkSize,
): {
  layers: { name: string; weightShape: readonly number[]; bias: boolean }[]
  batchNorms: { name: string; channels: number; affine: boolean }[]
} {
  const architecture = architectures[canonicalName(arch)]!
  checkFields('layersOf', options, sizeRows)
  const { convolutions, batchNorms } = graphOf(architecture, options)
  return {
    layers: convolutions.map(({ name, weightShape, bias }) => ({ name, weightShape, bias })),
    batchNorms: batchNorms.map(({ name, shape, affine }) => ({ name, channels: shape[0], affine })),
  }
}
