// Batch normalisation, in the networks of the paper without affine parameters (decision D3).
import { count, flag, required, text } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import { type Device, deviceKind } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { type Tensor, tensor, tensorKind } from '../tensor/tensor.ts'

export interface BatchNormSpec {
  readonly name: string
  readonly channels: number
  /** Whether it has scale and shift once it is trained. Default false. */
  readonly affine?: boolean
}

/** y = gamma ⊙ x̂ + beta, [channels] each. */
export interface Affine {
  readonly gamma: Tensor
  readonly beta: Tensor
}

const batchNormSpecRows: OptionRows<BatchNormSpec> = {
  name: required(text),
  channels: required(count()),
  affine: flag,
}
const affineRows: OptionRows<Affine> = { gamma: required(tensorKind), beta: required(tensorKind) }
const deviceRow = required(deviceKind)

export class BatchNorm2d {
  readonly spec: BatchNormSpec
  /** 'train': the batch's statistics, moving the running ones; 'eval': the running ones. */
  mode: 'train' | 'eval' = 'train'
  #runningMean: Tensor
  #runningVar: Tensor
  #replaced = 0
  #affine: Affine | null = null
  readonly #device: Device

  /** @throws ConfigError */
  constructor(spec: BatchNormSpec, device: Device) {
    checkOptions('BatchNorm2d', spec, batchNormSpecRows)
    checkOption('device', device, deviceRow, 'BatchNorm2d')
    this.spec = spec
    this.#device = device
    this.#runningMean = outsideScopes(() => ops.full([spec.channels], 0, device))
    this.#runningVar = outsideScopes(() => ops.full([spec.channels], 1, device))
  }

  get runningMean(): Tensor {
    return this.#runningMean
  }
  get runningVar(): Tensor {
    return this.#runningVar
  }

  /** Null where scales are 1 and shifts 0, as in a network that was never trained. */
  get affine(): Affine | null {
    return this.#affine
  }
  /** Takes ownership of the tensors. */
  set affine(affine: Affine | null) {
    if (affine !== null) checkOptions(this.spec.name, affine, affineRows)
    this.#disposeAffine()
    this.#affine = affine
    this.#replaced++
  }

  /** Names of its tensors, by what they are to ops. */
  get tensorNames(): Record<string, string> {
    const { name } = this.spec
    return {
      runningMean: `${name}.running_mean`,
      runningVar: `${name}.running_var`,
      ...(this.#affine && { gamma: `${name}.gamma`, beta: `${name}.beta` }),
    }
  }

  /** Replaces the running statistics, [channels] each. */
  setRunning(mean: Float32Array<ArrayBuffer>, variance: Float32Array<ArrayBuffer>): void {
    const shape = [this.spec.channels]
    const [runningMean, runningVar] = outsideScopes(() =>
      scope(() => [mean, variance].map(values => tensor(values, shape, { device: this.#device }))),
    )
    this.#runningMean.dispose()
    this.#runningVar.dispose()
    this.#runningMean = runningMean
    this.#runningVar = runningVar
    this.#replaced++
  }

  /** Changes with its mode and its tensors. */
  get recordingKey(): string {
    return `${this.mode}${this.#replaced}`
  }

  /** x [N, C, H, W]; relu and residual are fused. */
  forward(x: Tensor, options: { relu?: boolean; residual?: Tensor } = {}): Tensor {
    const running = [this.#runningMean, this.#runningVar] as const
    return ops.batchNorm(x, ...running, { mode: this.mode, ...this.#affine, ...options })
  }

  dispose(): void {
    this.#runningMean.dispose()
    this.#runningVar.dispose()
    this.#disposeAffine()
  }

  #disposeAffine(): void {
    this.#affine?.gamma.dispose()
    this.#affine?.beta.dispose()
  }
}
