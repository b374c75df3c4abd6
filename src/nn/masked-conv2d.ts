// A convolution whose weights may be frozen at random values and masked.
import { ConfigError } from '../errors.ts'
import { count, flag, kind, numbers, orNull, required, text } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import { GroupExpansion } from '../tensor/group-expansion.ts'
import * as ops from '../tensor/ops/index.ts'
import { recordMaskedWeight } from '../tensor/ops/mask.ts'
import { assign } from '../tensor/ops/optim.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { release } from '../tensor/tape.ts'
import { type Tensor, tensorKind } from '../tensor/tensor.ts'
import { BatchNorm2d } from './batch-norm2d.ts'
import { keepCount } from './pattern.ts'

/** A convolution before it has weights. */
export interface ConvSpec {
  /** Of the layer, unique in its network; its tensors' names begin with it. */
  readonly name: string
  /** Position among the network's convolutions: names its random streams. */
  readonly index: number
  /** [K, C / groups, R, S] */
  readonly weightShape: readonly number[]
  /** Pixels between two windows, ≥ 1. */
  readonly stride: number
  /** Zero pixels around the image, ≥ 0. */
  readonly padding: number
  /** Blocks of channels that see each other. Default 1. */
  readonly groups?: number
  /** Whether it has a bias once it is trained. Default false. */
  readonly bias?: boolean
}

const convSpecRows: OptionRows<ConvSpec> = {
  name: required(text),
  index: required(count(0)),
  weightShape: required(numbers),
  stride: required(count()),
  padding: required(count(0)),
  groups: count(),
  bias: flag,
}
const weightRow = required(tensorKind)
const normRow = required(kind('a BatchNorm2d', value => value instanceof BatchNorm2d))
const tensorOrNullRow = required(orNull(tensorKind))

/**
 * A convolution whose weights may be frozen and masked: it computes with weight ⊙ mask where a mask is set, else with
 * weight. Gradients reach the weight, or the scores behind the mask, whichever are asked for (Ramanujan et al., CVPR
 * 2020: straight through the selection). The mask does not cover the bias.
 * @example
 * import { nn, ops, tensor } from 'rst-native'
 * const spec = { name: 'conv', index: 0, weightShape: [1, 1, 2, 2], stride: 1, padding: 0 }
 * const layer = new nn.MaskedConv2d(spec)
 * layer.weight = tensor([1, 2, 3, 4], [1, 1, 2, 2])
 * layer.scores = tensor([0.9, 0.1, -0.8, 0.2], [1, 1, 2, 2])
 * layer.updateMask(0.5) // keeps the two scores of largest size
 * const x = ops.full([1, 1, 2, 2], 1)
 * console.log(await layer.forward(x).data()) // → [4]
 * layer.weight = tensor([1, 1, 1, 1], [1, 1, 2, 2])
 * layer.weightChanged() // needed only where it was changed in place
 * console.log(await layer.convolve(x).data()) // → [2]
 * layer.dispose()
 */
export class MaskedConv2d {
  /** What it was made from. */
  readonly spec: ConvSpec
  /** Options of the convolution. */
  readonly geometry: {
    /** Pixels between two windows. */
    readonly stride: number
    /** Zero pixels around the image. */
    readonly padding: number
    /** Blocks of channels that see each other. */
    readonly groups: number
  }
  #weight: Tensor | null = null
  #ownsWeight = true
  #scores: Tensor | null = null
  #mask: Tensor<'u8'> | null = null
  #bias: Tensor | null = null
  #effective: Tensor | null = null
  #replaced = 0
  #expansion: GroupExpansion | null = null
  #expanded: Tensor | null = null

  /**
   * Has no weight yet.
   * @param spec name, place and shape
   * @throws ConfigError
   */
  constructor(spec: ConvSpec) {
    checkOptions('MaskedConv2d', spec, convSpecRows)
    this.spec = spec
    const { stride, padding, groups = 1 } = spec
    this.geometry = { stride, padding, groups }
  }

  /**
   * [K, C / groups, R, S]. The layer takes ownership of a tensor that is set.
   * @throws ConfigError before there is one
   */
  get weight(): Tensor {
    if (!this.#weight) throw new ConfigError(`The layer ${this.spec.name} has no weight yet.`, 'weight')
    return this.#weight
  }
  /** Takes ownership of the tensor, as the setters below. */
  set weight(weight: Tensor) {
    checkOption('weight', weight, weightRow, this.spec.name)
    this.#forgetEffective()
    if (this.#weight !== weight) this.#disposeWeight()
    this.#weight = weight
    this.#ownsWeight = true
    this.#replaced++
  }

  /**
   * Computes with the weight of `owner` from now on, under its own mask; `owner` keeps it and must live as long.
   * @throws ConfigError
   * @example
   * import { nn, tensor } from 'rst-native'
   * const spec = { name: 'conv', index: 0, weightShape: [1, 1, 1, 1], stride: 1, padding: 0 }
   * const [owner, borrower] = [new nn.MaskedConv2d(spec), new nn.MaskedConv2d(spec)]
   * owner.weight = tensor([2], [1, 1, 1, 1])
   * borrower.borrowWeight(owner)
   * console.log(borrower.weight === owner.weight) // → true
   */
  borrowWeight(owner: MaskedConv2d): void {
    checkOption('owner', owner, ownerRow, this.spec.name)
    if (this.#weight === owner.weight) return
    this.weight = owner.weight
    this.#ownsWeight = false
  }

  /**
   * By whose size the mask is chosen, of the mask's shape; null where nothing is searched. The layer takes ownership.
   */
  get scores(): Tensor | null {
    return this.#scores
  }
  set scores(scores: Tensor | null) {
    checkOption('scores', scores, tensorOrNullRow, this.spec.name)
    if (this.#scores !== scores) this.#scores?.dispose()
    this.#scores = scores
    this.#replaced++
  }

  /**
   * 1 = kept, 0 = not; its shape is that of the weight's leading dimensions. Null: all are kept. The layer takes
   * ownership.
   */
  get mask(): Tensor<'u8'> | null {
    return this.#mask
  }
  set mask(mask: Tensor<'u8'> | null) {
    checkOption('mask', mask, tensorOrNullRow, this.spec.name)
    this.#forgetEffective()
    if (this.#mask !== mask) this.#mask?.dispose()
    this.#mask = mask
    this.#replaced++
  }

  /** [K]; null where it is 0, as in a network that was never trained. */
  get bias(): Tensor | null {
    return this.#bias
  }
  set bias(bias: Tensor | null) {
    checkOption('bias', bias, tensorOrNullRow, this.spec.name)
    if (this.#bias !== bias) this.#bias?.dispose()
    this.#bias = bias
    this.#replaced++
  }

  /** Names of its tensors, by what they are to ops. */
  get tensorNames(): {
    /** '<layer>.weight'. */
    weight: string
    /** '<layer>.bias', where it has one. */
    bias?: string
  } {
    const { name } = this.spec
    return { weight: `${name}.weight`, ...(this.#bias && { bias: `${name}.bias` }) }
  }

  /** weight ⊙ mask, which stays the layer's until one of them changes. */
  get effectiveWeight(): Tensor {
    if (!this.#mask) return this.weight
    this.#effective ??= outsideScopes(() => ops.maskedWeight(this.weight, this.#mask!))
    return this.#effective
  }

  /** Changes with its tensors, though not with what they hold. */
  get recordingKey(): string {
    return `${this.#replaced}`
  }

  /**
   * Draws the mask of the largest |scores| anew, in place where there is one.
   * @param remainingRatio share of entries that are kept, in (0, 1]
   * @throws ConfigError where the layer has no scores
   */
  updateMask(remainingRatio: number): void {
    const scores = this.#scores
    if (!scores) throw new ConfigError(`The layer ${this.spec.name} has no scores.`, 'scores')
    const keep = keepCount(scores.size, remainingRatio)
    const mask = this.#mask
    if (mask?.shape.join() !== scores.shape.join()) {
      this.mask = ops.topkMask(scores, keep)
    } else {
      scope(() => assign(mask, ops.topkMask(scores, keep)))
      this.weightChanged()
    }
  }

  /** To be called after the weight or the mask changed in place. */
  weightChanged(): void {
    const [effective, mask, expanded] = [this.#effective, this.#mask, this.#expanded]
    if (effective && mask) scope(() => assign(effective, ops.maskedWeight(this.weight, mask)))
    if (expanded) scope(() => assign(expanded, this.#expansion!.expand(this.effectiveWeight)))
  }

  /**
   * Convolves, and adds the bias.
   * @param x [N, C, H, W]
   * @returns [N, K, H', W']
   * @throws ShapeError, ConfigError
   */
  forward(x: Tensor): Tensor {
    const product = this.convolve(x)
    if (!this.#bias) return product
    const maps = ops.biasAdd(product, this.#bias)
    release(product)
    return maps
  }

  /**
   * Convolves without the bias.
   * @param x [N, C, H, W]
   * @returns [N, K, H', W']
   * @throws ShapeError, ConfigError
   */
  convolve(x: Tensor): Tensor {
    const { stride, padding } = this.geometry
    return ops.conv2d(x, this.#recordedWeight(), { stride, padding })
  }

  /**
   * Convolves without bias and normalises by a batch norm in eval mode without affine parameters, in one pass.
   * @param x [N, C, H, W]
   * @param norm of as many channels as the convolution has outputs
   * @param options a residual that is added, of the result's shape, and whether a ReLU follows
   * @returns [N, K, H', W']
   * @throws ShapeError, ConfigError
   * @example
   * import { Device, nn, ops } from 'rst-native'
   * const spec = { name: 'conv', index: 0, weightShape: [4, 3, 3, 3], stride: 1, padding: 1 }
   * const layer = new nn.MaskedConv2d(spec)
   * layer.weight = ops.full(spec.weightShape, 0.1)
   * const norm = new nn.BatchNorm2d({ name: 'bn', channels: 4 }, Device.default)
   * const y = layer.forwardNormalized(ops.full([1, 3, 8, 8], 1), norm, { relu: true })
   * console.log(y.shape) // → [1, 4, 8, 8]
   */
  forwardNormalized(x: Tensor, norm: BatchNorm2d, options: { relu?: boolean; residual?: Tensor }): Tensor {
    checkOption('norm', norm, normRow, this.spec.name)
    const { runningMean, runningVar } = norm
    const { stride, padding } = this.geometry
    return ops.convBatchNorm(x, this.#recordedWeight(), runningMean, runningVar, {
      stride,
      padding,
      ...options,
    })
  }

  /** Gives back the memory of its tensors, but for a weight that is borrowed. */
  dispose(): void {
    this.#forgetEffective()
    this.#disposeWeight()
    this.#scores?.dispose()
    this.#mask?.dispose()
    this.#bias?.dispose()
    for (const made of this.#expansion?.tensors ?? []) made.dispose()
  }

  /** [K, C, R, S]. Kept between passes, because the device keeps its compiled form with it. */
  #recordedWeight(): Tensor {
    const effective = this.effectiveWeight
    if (this.#mask) recordMaskedWeight(effective, this.weight, this.#mask, this.#scores)
    const { groups } = this.geometry
    if (groups === 1) return effective
    const expansion = outsideScopes(() => {
      this.#expansion ??= new GroupExpansion(this.spec.weightShape, groups, effective.device)
      this.#expanded ??= this.#expansion.expand(effective)
      return this.#expansion
    })
    expansion.record(this.#expanded!, effective)
    return this.#expanded!
  }

  #disposeWeight(): void {
    if (this.#ownsWeight) this.#weight?.dispose()
  }

  #forgetEffective(): void {
    this.#effective?.dispose()
    this.#expanded?.dispose()
    this.#effective = this.#expanded = null
  }
}

const ownerRow = required(kind('a MaskedConv2d', value => value instanceof MaskedConv2d))
