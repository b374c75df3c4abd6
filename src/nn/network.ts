// A network: its layers by name, and the function they compute.

import { ConfigError } from '../errors.ts'
import { count, kind, number, numbers, oneOf, required } from '../inputs/kinds.ts'
import { checkFields, checkOption, describeValue, type OptionRows } from '../inputs/options.ts'
import { type Device, deviceKind } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { assign } from '../tensor/ops/optim.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { BatchNorm2d } from './batch-norm2d.ts'
import type { Classifier } from './classifier.ts'
import type { OpDescription } from './description.ts'
import { fusedSteps, type Step } from './fusing.ts'
import { type Architecture, graphOf, type NetworkSize } from './graph.ts'
import { type Initialisation, initialisations, scoreDraw, weightDraw } from './initialisation.ts'
import { MaskedConv2d } from './masked-conv2d.ts'
import { maskShape, type Pattern, patterns } from './pattern.ts'
import { Program } from './program.ts'

/** Size, normalisation and place of a network. */
export interface NetworkOptions extends NetworkSize {
  /** Per-channel means that pixels in [0, 1] are normalised with. */
  mean: readonly number[]
  /** Per-channel standard deviations that they are normalised with, above 0. */
  std: readonly number[]
  /** Where its tensors will be. */
  device: Device
}

const side = count()

export const sizeRows: OptionRows<NetworkSize> = {
  classes: required(count(2)),
  inChannels: required(count()),
  imageSize: required(
    kind(
      'an array of height and width',
      value => Array.isArray(value) && value.length === 2 && value.every(side.accepts),
    ),
  ),
  width: required(number(0, 64, { above: true })),
}
const networkRows: OptionRows<NetworkOptions> = {
  ...sizeRows,
  mean: required(numbers),
  std: required(numbers),
  device: required(deviceKind),
}
const initRow = required(oneOf(initialisations))
const patternRow = required(oneOf(patterns))

/** A tensor that training can change. */
export interface Parameter {
  /** As files name it: '<layer>.weight', '<layer>.bias', '<norm>.gamma', '<norm>.beta'. */
  readonly name: string
  /** Of the network; training changes it in place. */
  readonly tensor: Tensor
}

/** A program, and the layers that have a bias, a mode and affine parameters in it. */
interface ProgramOfState {
  readonly biases: readonly boolean[]
  readonly modes: readonly BatchNorm2d['mode'][]
  readonly affine: readonly boolean[]
  readonly program: Program
}

/**
 * A network: its layers by name, and the function that they compute. `models.create` makes one of a known
 * architecture; a new one has no weights.
 * @example
 * import { Device, datasets, nn, ops } from 'rst-native'
 * const { mean, std } = datasets.info('cifar10')
 * const size = { classes: 10, inChannels: 3, imageSize: [32, 32] as const, width: 1 }
 * const tiny: nn.Architecture = (build, images) => {
 *   const maps = build.relu(build.batchNorm('bn1', build.conv('conv1', images, build.channels(8), 3)))
 *   return build.linear('fc', build.globalAvgPool(maps), build.classes)
 * }
 * const network = new nn.Network(tiny, { ...size, mean, std, device: Device.default })
 * network.drawWeights('signed-kaiming-constant', 0)
 * network.drawScores('element', 0)
 * network.updateMasks(0.1)
 * network.mode = 'eval'
 * const x = ops.full([2, 3, 32, 32], 0.5)
 * console.log(network.logits(x).shape, network.featureMaps(x).shape) // → [2, 10] [2, 8, 30, 30]
 * console.log(network.describe().map(({ op }) => op)[0], network.tensors().size) // → normalize 4
 * network.dispose()
 */
export class Network implements Classifier {
  /** How many logits it has. */
  readonly numClasses: number
  /** [channels, height, width] of the images that it takes. */
  readonly inputShape: readonly [number, number, number]
  /** Where its tensors are. */
  readonly device: Device
  /** Convolutions and linear layers, in the order of their random streams; the last is the classifier. */
  readonly convolutions: readonly MaskedConv2d[]
  /** Its batch norms, in the order in which the architecture asked for them. */
  readonly batchNorms: readonly BatchNorm2d[]
  readonly #options: NetworkOptions
  readonly #steps: readonly Step[]
  /** The last convolution before the classifier. */
  readonly #featureLayer: string | undefined
  /** One for each state of the layers that was met. */
  readonly #programs: ProgramOfState[] = []
  #disposed = false

  /**
   * Makes the layers, without weights.
   * @param architecture one of `models`, or your own
   * @param options size, normalisation and device
   * @throws ConfigError
   */
  constructor(architecture: Architecture, options: NetworkOptions) {
    checkFields('Network', options, networkRows)
    const graph = graphOf(architecture, options)
    this.#steps = fusedSteps(graph)
    this.#options = options
    this.device = options.device
    this.numClasses = options.classes
    this.inputShape = [options.inChannels, ...options.imageSize]
    this.convolutions = graph.convolutions.map(
      ({ name, weightShape, stride, padding, groups, bias }, index) =>
        new MaskedConv2d({ name, index, weightShape, stride, padding, groups, bias }),
    )
    this.#featureLayer = graph.convolutions.slice(0, -1).findLast(({ linear }) => !linear)?.name
    const batchNorms: BatchNorm2d[] = []
    this.batchNorms = batchNorms
    try {
      for (const { name, shape, affine } of graph.batchNorms)
        batchNorms.push(new BatchNorm2d({ name, channels: shape[0], affine }, this.device))
    } catch (error) {
      for (const layer of batchNorms) layer.dispose()
      throw error
    }
  }

  /**
   * A score for each class. Normalisation is the first layer. Differentiable.
   * @param x [N, C, H, W], pixels in [0, 1]
   * @returns [N, classes]
   * @throws ShapeError, ConfigError
   */
  logits(x: Tensor): Tensor {
    return this.#program().run(x)
  }

  /** The ops that `logits` calls one after the other, as the network is now: mode, biases and affine parameters count. */
  describe(): OpDescription[] {
    return this.#program().describe()
  }

  /**
   * The tensors that a description names. Weights are masked; all stay the network's, until one of its layers
   * changes.
   * @throws ConfigError before there are weights
   */
  tensors(): Map<string, Tensor> {
    const tensors = new Map<string, Tensor>()
    for (const layer of this.convolutions) tensors.set(layer.tensorNames.weight, layer.effectiveWeight)
    for (const { tensorNames, runningMean, runningVar } of this.batchNorms) {
      tensors.set(tensorNames.runningMean!, runningMean)
      tensors.set(tensorNames.runningVar!, runningVar)
    }
    for (const parameter of this.biasesAndAffine) tensors.set(parameter.name, parameter.tensor)
    return tensors
  }

  /** Changes with all that decides which ops `logits` runs, and on which tensors of its layers. */
  get recordingKey(): string {
    const layers = [...this.convolutions, ...this.batchNorms]
    return layers.map(layer => layer.recordingKey).join()
  }

  /**
   * The result of the last convolution before the classifier.
   * @param x [N, C, H, W], pixels in [0, 1]
   * @returns [N, K, H', W']
   * @throws ConfigError where there is none
   */
  featureMaps(x: Tensor): Tensor {
    const layer = this.convolutions.find(({ spec }) => spec.name === this.#featureLayer)
    if (!layer)
      throw new ConfigError('Expected a network with a convolution before its classifier.', 'network')
    return scope(() => layer.forward(this.#program().inputOf(layer.tensorNames.weight, x)))
  }

  /** The mode of all batch norms. */
  get mode(): 'train' | 'eval' {
    return this.batchNorms[0]?.mode ?? 'eval'
  }
  set mode(mode: 'train' | 'eval') {
    for (const layer of this.batchNorms) layer.mode = mode
  }

  /** Weights of all convolutions, without biases and affine parameters. */
  get weightCount(): number {
    return this.convolutions.reduce((sum, { spec }) => sum + spec.weightShape.reduce((n, d) => n * d, 1), 0)
  }

  /**
   * Draws all weights as a pure function of the seed. There are no biases and affine parameters then.
   * @param init the distribution
   * @param seed from 0 to 2^53 − 1
   * @throws ConfigError
   */
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
      layer.bias = null
    }
    for (const layer of this.batchNorms) layer.affine = null
  }

  /**
   * Gives each layer the bias, and each batch norm the scale and shift, that its architecture has and that it has
   * not yet, at 0, 1 and 0. A network that is not trained goes without: it computes the same.
   * @example
   * import { Device, datasets, models } from 'rst-native'
   * const { mean, std } = datasets.info('cifar10')
   * const size = { classes: 10, inChannels: 3, imageSize: [32, 32] as const, width: 1 }
   * const network = models.create('lenet5', { ...size, mean, std, device: Device.default })
   * network.drawWeights('kaiming-normal', 0)
   * network.addBiasesAndAffine()
   * network.setBiasesAndAffine(new Map([['fc3.bias', new Float32Array(10).fill(0.5)]]))
   * console.log(network.biasesAndAffine.map(({ name }) => name).join()) // → conv1.bias,conv2.bias,fc1.bias,fc2.bias,fc3.bias
   * network.dispose()
   */
  addBiasesAndAffine(): void {
    const filled = (size: number, value: number) => outsideScopes(() => ops.full([size], value, this.device))
    for (const layer of this.convolutions) {
      const { bias, weightShape } = layer.spec
      if (bias && !layer.bias) layer.bias = filled(weightShape[0]!, 0)
    }
    for (const layer of this.batchNorms) {
      const { affine, channels } = layer.spec
      if (affine && !layer.affine) layer.affine = { gamma: filled(channels, 1), beta: filled(channels, 0) }
    }
  }

  /**
   * Replaces biases and affine parameters of those names; the others that the architecture has start at 0, 1 and 0.
   * @param values [channels] each, by the names of Network.biasesAndAffine
   * @throws ShapeError
   */
  setBiasesAndAffine(values: ReadonlyMap<string, Float32Array>): void {
    this.addBiasesAndAffine()
    const { device } = this
    for (const { name, tensor: t } of this.biasesAndAffine) {
      const given = values.get(name)
      if (given) scope(() => assign(t, tensor(Float32Array.from(given), t.shape, { device })))
    }
  }

  /** All that training can change, as it is there now. */
  get parameters(): Parameter[] {
    const weights = this.convolutions.map(layer => ({ name: layer.tensorNames.weight, tensor: layer.weight }))
    return [...weights, ...this.biasesAndAffine]
  }

  /** The parameters that no mask covers. */
  get biasesAndAffine(): Parameter[] {
    return [
      ...this.convolutions.flatMap(({ bias, tensorNames }) =>
        bias ? { name: tensorNames.bias!, tensor: bias } : [],
      ),
      ...this.batchNorms.flatMap(({ affine, tensorNames }) =>
        affine
          ? [
              { name: tensorNames.gamma!, tensor: affine.gamma },
              { name: tensorNames.beta!, tensor: affine.beta },
            ]
          : [],
      ),
    ]
  }

  /**
   * Computes with the weights of `owner`, a network of the same layers that keeps them and must live as long.
   * @throws ConfigError
   * @example
   * import { Device, datasets, models } from 'rst-native'
   * const { mean, std } = datasets.info('cifar10')
   * const size = { classes: 10, inChannels: 3, imageSize: [32, 32] as const, width: 0.5 }
   * const [owner, borrower] = [0, 1].map(() =>
   *   models.create('conv2', { ...size, mean, std, device: Device.default }),
   * )
   * owner.drawWeights('signed-kaiming-constant', 0)
   * borrower.borrowWeights(owner) // masks of its own over the same weights
   * console.log(borrower.weightCount === owner.weightCount) // → true
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

  /**
   * Draws all scores as a pure function of the seed.
   * @param pattern what one entry of a mask covers
   * @param seed from 0 to 2^53 − 1
   * @throws ConfigError
   */
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

  /**
   * Keeps the entries of largest |score| in each layer.
   * @param remainingRatio share of entries that are kept, in (0, 1]
   * @throws ConfigError where there are no scores
   */
  updateMasks(remainingRatio: number): void {
    for (const layer of this.convolutions) outsideScopes(() => layer.updateMask(remainingRatio))
  }

  /** Whether it was disposed. */
  get disposed(): boolean {
    return this.#disposed
  }

  /** Gives back the memory of its layers. Disposing twice is allowed. */
  dispose(): void {
    this.#disposed = true
    for (const layer of this.convolutions) layer.dispose()
    for (const layer of this.batchNorms) layer.dispose()
  }

  /** Of the state that the layers are in. */
  #program(): Program {
    const { convolutions, batchNorms } = this
    const known = this.#programs.find(
      ({ biases, modes, affine }) =>
        convolutions.every((layer, i) => (layer.bias !== null) === biases[i]) &&
        batchNorms.every((layer, i) => layer.mode === modes[i] && (layer.affine !== null) === affine[i]),
    )
    if (known) return known.program
    const { mean, std } = this.#options
    const byName = <L extends { spec: { name: string } }>(layers: readonly L[], name: string) =>
      layers.find(({ spec }) => spec.name === name)!
    const layers = {
      convolution: (name: string) => byName(convolutions, name),
      batchNorm: (name: string) => byName(batchNorms, name),
      ...{ mean, std },
    }
    const program = new Program(this.#steps, layers, this.numClasses)
    this.#programs.push({
      biases: convolutions.map(({ bias }) => bias !== null),
      modes: batchNorms.map(({ mode }) => mode),
      affine: batchNorms.map(layer => layer.affine !== null),
      program,
    })
    return program
  }
}
