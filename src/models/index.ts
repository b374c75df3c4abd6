// The architectures by name.
import { ConfigError } from '../errors.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import { checkFields, describeValue, type OptionRows } from '../inputs/options.ts'
import {
  type Architecture,
  type Layer,
  Network,
  type NetworkOptions,
  networkRows,
  scaledChannels,
} from '../nn/network.ts'
import { preactResnet18, resnet18, resnet18Cifar, resnet50, resnet101, wideResnet34x10 } from './resnet.ts'
import { conv2, conv4, conv6 } from './small-convs.ts'

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
}
/** Other names that the paper uses. */
const aliases: Record<string, string> = { 'wide-resnet32': 'wide-resnet-34-10' }

export const names: readonly string[] = Object.keys(architectures)

/** Whether an architecture, or an alias of one, has this name. */
export function isName(arch: unknown): boolean {
  return typeof arch === 'string' && (Object.hasOwn(architectures, arch) || Object.hasOwn(aliases, arch))
}

/** The name an architecture is saved under. @throws ConfigError for an unknown one. */
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

/** A network without weights: draw or load them next. @throws ConfigError */
export function create(arch: string, options: NetworkOptions): Network {
  return new Network(architectures[canonicalName(arch)]!, options)
}

/** What the shapes of a network's layers depend on. */
export type Size = Pick<NetworkOptions, 'classes' | 'inChannels' | 'imageSize' | 'width'>
const { classes, inChannels, imageSize, width } = networkRows
const sizeRows: OptionRows<Size> = { classes, inChannels, imageSize, width }

/** The layers that a network will have, found without taking memory for them. @throws ConfigError */
export function layersOf(
  arch: string,
  options: Size,
): {
  layers: { name: string; weightShape: readonly number[] }[]
  batchNorms: { name: string; channels: number }[]
} {
  const architecture = architectures[canonicalName(arch)]!
  checkFields('layersOf', options, sizeRows)
  const layers: { name: string; weightShape: readonly number[] }[] = []
  const batchNorms: { name: string; channels: number }[] = []
  const nothing: Layer = x => x
  architecture({
    ...options,
    channels: base => scaledChannels(base, options.width),
    conv(name, inputs, outputs, kernel) {
      layers.push({ name, weightShape: [outputs, inputs, kernel, kernel] })
      return nothing
    },
    batchNorm(name, channels) {
      batchNorms.push({ name, channels })
      return nothing
    },
    convNorm(name, norm, inputs, outputs, kernel) {
      layers.push({ name, weightShape: [outputs, inputs, kernel, kernel] })
      batchNorms.push({ name: norm, channels: outputs })
      return nothing
    },
  })
  return { layers, batchNorms }
}
