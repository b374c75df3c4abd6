// A network: its layers by name, and the function they compute.

import { ConfigError } from '../errors.ts'
import { callback, count, kind, number, numbers, oneOf, required } from '../inputs/kinds.ts'
import { checkFields, checkOption, describeValue, type OptionRows } from '../inputs/options.ts'
import { type Device, deviceKind } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { release } from '../tensor/tape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { BatchNorm2d } from './batch-norm2d.ts'
import type { Classifier } from './classifier.ts'
import { type Initialisation, initialisations, scoreDraw, weightDraw } from './initialisation.ts'
import { MaskedConv2d } from './masked-conv2d.ts'
import { maskShape, type Pattern, patterns } from './pattern.ts'

export interface NetworkOptions {
  classes: number
  inChannels: number
  /** [height, width] */
  imageSize: readonly [number, number]
  /** Multiplier of every hidden layer's channels. */
  width: number
  /** Per-channel statistics that pixels in [0, 1] are normalised with. */
  mean: readonly number[]
  std: readonly number[]
  device: Device
}

const side = count()

export const networkRows: OptionRows<NetworkOptions> = {
  classes: required(count(2)),
  inChannels: required(count()),
  imageSize: required(
    kind(
      'an array of height and width',
      value => Array.isArray(value) && value.length === 2 && value.every(side.accepts),
    ),
  ),
  width: required(number(0, 64, { above: true })),
  mean: required(numbers),
  std: required(numbers),
  device: required(deviceKind),
}
const architectureRow = required(callback)
const initRow = required(oneOf(initialisations))
const patternRow = required(oneOf(patterns))

/** [N, C, H, W] → [N, K, …] */
export type Layer = (x: Tensor) => Tensor

/** What an architecture builds its layers with, in the order that numbers their random streams. */
export interface LayerBuilder {
  readonly classes: number
  readonly inChannels: number
  readonly imageSize: readonly [number, number]
  /** A base width times the network's width multiplier, at least 1. */
  channels(base: number): number
  conv(
    name: string,
    inputs: number,
    outputs: number,
    kernel: number,
    options?: { stride?: number; padding?: number },
  ): Layer
  batchNorm(name: string, channels: number, options?: { relu?: boolean }): Layer
  /** A convolution called `name` and the batch norm `norm` of its result; one pass in eval mode. */
  convNorm(
    name: string,
    norm: string,
    inputs: number,
    outputs: number,
    kernel: number,
    options?: { stride?: number; padding?: number; relu?: boolean },
  ): (x: Tensor, residual?: Tensor) => Tensor
}

/** Builds the layers, and returns the function from normalised images [N, C, H, W] to logits [N, classes, 1, 1]. */
export type Architecture = (build: LayerBuilder) => Layer

/** A base width times a network's width multiplier, at least 1. */
export const scaledChannels = (base: number, width: number) => Math.max(1, Math.round(base * width))

export class Network implements Classifier {
  readonly numClasses: number
  readonly inputShape: readonly [number, number, number]
  readonly device: Device
  readonly convolutions: readonly MaskedConv2d[]
  readonly batchNorms: readonly BatchNorm2d[]
  readonly #options: NetworkOptions
  readonly #forward: Layer
  #disposed = false

  /** @throws ConfigError */
  constructor(architecture: Architecture, options: NetworkOptions) {
    checkOption('architecture', architecture, architectureRow, 'Network')
    checkFields('Network', options, networkRows)
    const convolutions: MaskedConv2d[] = []
    const batchNorms: BatchNorm2d[] = []
    const addConv = (
      ...[name, inputs, outputs, kernel, { stride = 1, padding = 0 } = {}]: Parameters<LayerBuilder['conv']>
    ) => {
      const weightShape = [outputs, inputs, kernel, kernel]
      const layer = new MaskedConv2d({ name, index: convolutions.length, weightShape, stride, padding })
      convolutions.push(layer)
      return layer
    }
    const addNorm = (name: string, channels: number) => {
      const layer = new BatchNorm2d({ name, channels }, options.device)
      batchNorms.push(layer)
      return layer
    }
    const builder: LayerBuilder = {
      classes: options.classes,
      inChannels: options.inChannels,
      imageSize: options.imageSize,
      channels: base => scaledChannels(base, options.width),
      conv: (...args) => {
        const layer = addConv(...args)
        return x => layer.forward(x)
      },
      batchNorm: (name, channels, { relu = false } = {}) => {
        const layer = addNorm(name, channels)
        return x => layer.forward(x, { relu })
      },
      convNorm: (name, norm, inputs, outputs, kernel, { relu = false, ...geometry } = {}) => {
        const conv = addConv(name, inputs, outputs, kernel, geometry)
        const batchNorm = addNorm(norm, outputs)
        return (x, residual) => {
          if (batchNorm.mode === 'eval' && !conv.probe)
            return conv.forwardNormalized(x, batchNorm, { relu, residual })
          const maps = conv.forward(x)
          const y = batchNorm.forward(maps, { relu, residual })
          release(maps)
          return y
        }
      },
    }
    try {
      this.#forward = architecture(builder)
      if (typeof this.#forward !== 'function') {
        throw new ConfigError(
          `Expected an architecture that returns the function of its layers but received ${describeValue(this.#forward)}.`,
          'architecture',
        )
      }
    } catch (error) {
      for (const layer of batchNorms) layer.dispose()
      throw error
    }
    this.#options = options
    this.device = options.device
    this.numClasses = options.classes
    this.inputShape = [options.inChannels, ...options.imageSize]
    this.convolutions = convolutions
    this.batchNorms = batchNorms
  }

  /** x [N, C, H, W] in [0, 1] → [N, classes]. Normalisation is the first layer. */
  logits(x: Tensor): Tensor {
    const normalized = ops.normalize(x, this.#options.mean, this.#options.std)
    const maps = this.#forward(normalized)
    release(normalized)
    const y = ops.reshape(maps, [x.shape[0]!, this.numClasses])
    release(maps)
    return y
  }

  /** x [N, C, H, W] in [0, 1] → the result [N, K, …] of the last convolution before the classifier. */
  featureMaps(x: Tensor): Tensor {
    const last = this.convolutions.at(-2)
    if (!last)
      throw new ConfigError('Expected a network with a convolution before its classifier.', 'network')
    return scope(() => {
      let maps: Tensor | undefined
      last.probe = result => {
        maps = ops.copy(result)
      }
      try {
        this.logits(x)
      } finally {
        last.probe = null
      }
      return maps!
    })
  }

  /** The mode of all batch norms. */
  get mode(): 'train' | 'eval' {
    return this.batchNorms[0]?.mode ?? 'eval'
  }
  set mode(mode: 'train' | 'eval') {
    for (const layer of this.batchNorms) layer.mode = mode
  }

  /** Weights of all convolutions. */
  get weightCount(): number {
    return this.convolutions.reduce((sum, { spec }) => sum + spec.weightShape.reduce((n, d) => n * d, 1), 0)
  }

  /** Draws all weights as a pure function of the seed. */
  drawWeights(init: Initialisation, seed: number): void {
    checkOption('init', init, initRow, 'drawWeights')
    for (const layer of this.convolutions) {
      const { weightShape, index } = layer.spec
      layer.weight = outsideScopes(() =>
        ops.randomWeight(
          weightShape,
          { ...weightDraw(weightShape, init), seed, purpose: 'weight', layer: index },
          this.device,
        ),
      )
    }
  }

  /**
   * Computes with the weights of `owner`, a network of the same layers that keeps them and must live as long.
   * @throws ConfigError
   */
  borrowWeights(owner: Network): void {
    const shapes = ({ convolutions }: Network) =>
      convolutions.map(({ spec }) => spec.weightShape.join()).join(';')
    if (!(owner instanceof Network) || shapes(owner) !== shapes(this)) {
      throw new ConfigError(
        `Expected a network of the same layers to borrow weights from but received ${owner instanceof Network ? 'one of others' : describeValue(owner)}.`,
        'owner',
      )
    }
    for (const [i, layer] of this.convolutions.entries()) layer.borrowWeight(owner.convolutions[i]!)
  }

  /** Draws all scores as a pure function of the seed. */
  drawScores(pattern: Pattern, seed: number): void {
    checkOption('pattern', pattern, patternRow, 'drawScores')
    for (const layer of this.convolutions) {
      const { weightShape, index } = layer.spec
      layer.scores = outsideScopes(() =>
        ops.randomWeight(
          maskShape(weightShape, pattern),
          { ...scoreDraw(weightShape, pattern), seed, purpose: 'score', layer: index },
          this.device,
        ),
      )
    }
  }

  /** Keeps the share of largest |scores| in each layer. */
  updateMasks(remainingRatio: number): void {
    for (const layer of this.convolutions) outsideScopes(() => layer.updateMask(remainingRatio))
  }

  get disposed(): boolean {
    return this.#disposed
  }

  dispose(): void {
    this.#disposed = true
    for (const layer of this.convolutions) layer.dispose()
    for (const layer of this.batchNorms) layer.dispose()
  }
}
