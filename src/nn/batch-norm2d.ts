// Batch normalisation, in the networks of the paper without affine parameters (decision D3).
import { count, flag, required, text } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import { type Device, deviceKind } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { type Tensor, tensor, tensorKind } from '../tensor/tensor.ts'

/** A batch norm before its tensors are made. */
export interface BatchNormSpec {
  /** Of the layer, unique in its network; its tensors' names begin with it. */
  readonly name: string
  /** Of its input, ≥ 1. */
  readonly channels: number
  /** Whether it has scale and shift once it is trained. Default false. */
  readonly affine?: boolean
}

/** y = gamma ⊙ x̂ + beta, [channels] each. */
export interface Affine {
  /** Scales, [channels]. */
  readonly gamma: Tensor
  /** Shifts, [channels]. */
  readonly beta: Tensor
}

const batchNormSpecRows: OptionRows<BatchNormSpec> = {
  name: required(text),
  channels: required(count()),
  affine: flag,
}
const affineRows: OptionRows<Affine> = { gamma: required(tensorKind), beta: required(tensorKind) }
const deviceRow = required(deviceKind)

/**
 * Batch normalisation of [N, C, H, W] by channel, with running statistics (Ioffe & Szegedy, ICML 2015); in networks
 * that were never trained without scale and shift.
 * @example
 * import { Device, nn, tensor } from 'rst-native'
 * const norm = new nn.BatchNorm2d({ name: 'bn1', channels: 1 }, Device.default)
 * norm.setRunning(Float32Array.of(1), Float32Array.of(4))
 * norm.mode = 'eval'
 * const y = norm.forward(tensor([1, -3], [1, 1, 1, 2]), { relu: true })
 * console.log(await y.data()) // → [0, 0]
 * norm.dispose()
 */
export class BatchNorm2d {
  /** What it was made from. */
  readonly spec: BatchNormSpec
  /** 'train': the batch's statistics, moving the running ones; 'eval': the running ones. */
  mode: 'train' | 'eval' = 'train'
  #runningMean: Tensor
  #runningVar: Tensor
  #replaced = 0
  #affine: Affine | null = null
  readonly #device: Device

  /**
   * Starts with means 0 and variances 1.
   * @param spec name, channels, and whether it has scale and shift once it is trained
   * @param device where its tensors will be
   * @throws ConfigError
   */
  constructor(spec: BatchNormSpec, device: Device) {
    checkOptions('BatchNorm2d', spec, batchNormSpecRows)
    checkOption('device', device, deviceRow, 'BatchNorm2d')
    this.spec = spec
    this.#device = device
    this.#runningMean = outsideScopes(() => ops.full([spec.channels], 0, device))
    this.#runningVar = outsideScopes(() => ops.full([spec.channels], 1, device))
  }

  /** [channels]; training changes it in place. */
  get runningMean(): Tensor {
    return this.#runningMean
  }
  /** [channels]; training changes it in place. */
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

  /**
   * Replaces the running statistics.
   * @param mean [channels]
   * @param variance [channels]
   * @throws ShapeError, ConfigError
   */
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

  /**
   * Normalises, in one pass with what follows.
   * @param x [N, C, H, W]
   * @param options a residual that is added, of the shape of x, and whether a ReLU follows
   * @returns [N, C, H, W]
   * @throws ShapeError, ConfigError
   */
  forward(x: Tensor, options: { relu?: boolean; residual?: Tensor } = {}): Tensor {
    const running = [this.#runningMean, this.#runningVar] as const
    return ops.batchNorm(x, ...running, { mode: this.mode, ...this.#affine, ...options })
  }

  /** Gives back the memory of its tensors. */
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
