// Batch normalisation without affine parameters, as the official code has it (decision D3).
import { count, required, text } from '../inputs/kinds.ts'
import { checkOption, checkOptions, type OptionRows } from '../inputs/options.ts'
import { type Device, deviceKind } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'

export interface BatchNormSpec {
  readonly name: string
  readonly channels: number
}

const batchNormSpecRows: OptionRows<BatchNormSpec> = {
  name: required(text),
  channels: required(count()),
}
const deviceRow = required(deviceKind)

export class BatchNorm2d {
  readonly spec: BatchNormSpec
  /** 'train': the batch's statistics, moving the running ones; 'eval': the running ones. */
  mode: 'train' | 'eval' = 'train'
  #runningMean: Tensor
  #runningVar: Tensor
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

  /** Replaces the running statistics, [channels] each. */
  setRunning(mean: Float32Array<ArrayBuffer>, variance: Float32Array<ArrayBuffer>): void {
    const shape = [this.spec.channels]
    const [runningMean, runningVar] = outsideScopes(() =>
      scope(() => [mean, variance].map(values => tensor(values, shape, { device: this.#device }))),
    )
    this.dispose()
    this.#runningMean = runningMean
    this.#runningVar = runningVar
  }

  /** x [N, C, H, W]; relu and residual are fused. */
  forward(x: Tensor, options: { relu?: boolean; residual?: Tensor } = {}): Tensor {
    return ops.batchNorm(x, this.#runningMean, this.#runningVar, { mode: this.mode, ...options })
  }

  dispose(): void {
    this.#runningMean.dispose()
    this.#runningVar.dispose()
  }
}
