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

export interface ConvSpec {
  readonly name: string
  /** Position among the network's convolutions: names its random streams. */
  readonly index: number
  /** [K, C / groups, R, S] */
  readonly weightShape: readonly number[]
  readonly stride: number
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
 * It computes with weight ⊙ mask where a mask is set, else with weight. Gradients reach the weight, or the scores behind
 * the mask, whichever are asked for. The mask does not cover the bias.
 */
export class MaskedConv2d {
  readonly spec: ConvSpec
  /** Options of the convolution. */
  readonly geometry: { readonly stride: number; readonly padding: number; readonly groups: number }
  #weight: Tensor | null = null
  #ownsWeight = true
  #scores: Tensor | null = null
  #mask: Tensor<'u8'> | null = null
  #bias: Tensor | null = null
  #effective: Tensor | null = null
  #replaced = 0
  #expansion: GroupExpansion | null = null
  #expanded: Tensor | null = null

  /** @throws ConfigError */
  constructor(spec: ConvSpec) {
    checkOptions('MaskedConv2d', spec, convSpecRows)
    this.spec = spec
    const { stride, padding, groups = 1 } = spec
    this.geometry = { stride, padding, groups }
  }

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

  /** Computes with the weight of `owner` from now on, under its own mask; `owner` keeps it and must live as long. */
  borrowWeight(owner: MaskedConv2d): void {
    checkOption('owner', owner, ownerRow, this.spec.name)
    if (this.#weight === owner.weight) return
    this.weight = owner.weight
    this.#ownsWeight = false
  }

  get scores(): Tensor | null {
    return this.#scores
  }
  set scores(scores: Tensor | null) {
    checkOption('scores', scores, tensorOrNullRow, this.spec.name)
    if (this.#scores !== scores) this.#scores?.dispose()
    this.#scores = scores
    this.#replaced++
  }

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
  get tensorNames(): { weight: string; bias?: string } {
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

  /** Draws the mask of the largest |scores| anew, in place where there is one. */
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

  /** x [N, C, H, W] → [N, K, …] */
  forward(x: Tensor): Tensor {
    const product = this.convolve(x)
    if (!this.#bias) return product
    const maps = ops.biasAdd(product, this.#bias)
    release(product)
    return maps
  }

  /** The same without the bias. */
  convolve(x: Tensor): Tensor {
    const { stride, padding } = this.geometry
    return ops.conv2d(x, this.#recordedWeight(), { stride, padding })
  }

  /** Convolved without bias and normalised by a batch norm in eval mode without affine parameters, in one pass. */
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
