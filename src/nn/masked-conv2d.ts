// A convolution whose weights may be frozen at random values and masked.
import { ConfigError } from '../errors.ts'
import { count, kind, numbers, orNull, required, text } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import * as ops from '../tensor/ops/index.ts'
import { recordMaskedWeight } from '../tensor/ops/mask.ts'
import { outsideScopes } from '../tensor/scope.ts'
import { type Tensor, tensorKind } from '../tensor/tensor.ts'
import { BatchNorm2d } from './batch-norm2d.ts'
import { keepCount } from './pattern.ts'

export interface ConvSpec {
  readonly name: string
  /** Position among the network's convolutions: names its random streams. */
  readonly index: number
  /** [K, C, R, S] */
  readonly weightShape: readonly number[]
  readonly stride: number
  readonly padding: number
}

const convSpecRows: OptionRows<ConvSpec> = {
  name: required(text),
  index: required(count(0)),
  weightShape: required(numbers),
  stride: required(count()),
  padding: required(count(0)),
}
const weightRow = required(tensorKind)
const normRow = required(kind('a BatchNorm2d', value => value instanceof BatchNorm2d))
const tensorOrNullRow = required(orNull(tensorKind))

/**
 * Convolution without bias. It computes with weight ⊙ mask where a mask is set, else with weight. Gradients reach the
 * weight, or the scores behind the mask, whichever are asked for.
 */
export class MaskedConv2d {
  readonly spec: ConvSpec
  /** Sees each result while it is set; the layer is then not fused with what follows. */
  probe: ((maps: Tensor) => void) | null = null
  #weight: Tensor | null = null
  #ownsWeight = true
  #scores: Tensor | null = null
  #mask: Tensor<'u8'> | null = null
  #effective: Tensor | null = null
  #inputShape: readonly number[] | null = null

  /** @throws ConfigError */
  constructor(spec: ConvSpec) {
    checkOptions('MaskedConv2d', spec, convSpecRows)
    this.spec = spec
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
  }

  get mask(): Tensor<'u8'> | null {
    return this.#mask
  }
  set mask(mask: Tensor<'u8'> | null) {
    checkOption('mask', mask, tensorOrNullRow, this.spec.name)
    this.#forgetEffective()
    if (this.#mask !== mask) this.#mask?.dispose()
    this.#mask = mask
  }

  /** Of the last input, [N, C, H, W]; null before the first. */
  get inputShape(): readonly number[] | null {
    return this.#inputShape
  }

  /** Draws the mask of the largest |scores| anew. */
  updateMask(remainingRatio: number): void {
    if (!this.#scores) throw new ConfigError(`The layer ${this.spec.name} has no scores.`, 'scores')
    this.mask = ops.topkMask(this.#scores, keepCount(this.#scores.size, remainingRatio))
  }

  /** To be called after the weight changed in place. */
  weightChanged(): void {
    this.#forgetEffective()
  }

  /** x [N, C, H, W] → [N, K, …] */
  forward(x: Tensor): Tensor {
    const { stride, padding } = this.spec
    const maps = ops.conv2d(x, this.#effectiveWeight(), { stride, padding })
    this.#inputShape = x.shape
    this.probe?.(maps)
    return maps
  }

  /** The same, normalised by a batch norm in eval mode, in one pass. */
  forwardNormalized(x: Tensor, norm: BatchNorm2d, options: { relu?: boolean; residual?: Tensor }): Tensor {
    checkOption('norm', norm, normRow, this.spec.name)
    const { runningMean, runningVar } = norm
    const { stride, padding } = this.spec
    const maps = ops.convBatchNorm(x, this.#effectiveWeight(), runningMean, runningVar, {
      stride,
      padding,
      ...options,
    })
    this.#inputShape = x.shape
    return maps
  }

  dispose(): void {
    this.#forgetEffective()
    this.#disposeWeight()
    this.#scores?.dispose()
    this.#mask?.dispose()
  }

  /** Kept between passes, because the device keeps its compiled form with it. */
  #effectiveWeight(): Tensor {
    if (!this.#mask) return this.weight
    this.#effective ??= outsideScopes(() => ops.maskedWeight(this.weight, this.#mask!))
    recordMaskedWeight(this.#effective, this.weight, this.#mask, this.#scores)
    return this.#effective
  }

  #disposeWeight(): void {
    if (this.#ownsWeight) this.#weight?.dispose()
  }

  #forgetEffective(): void {
    this.#effective?.dispose()
    this.#effective = null
  }
}

const ownerRow = required(kind('a MaskedConv2d', value => value instanceof MaskedConv2d))
