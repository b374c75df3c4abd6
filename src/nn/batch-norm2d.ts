// Batch normalisation without affine parameters, as the official code has it (decision D3).
import type { Device } from '../tensor/device.ts'
import * as ops from '../tensor/ops/index.ts'
import { outsideScopes } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'

export interface BatchNormSpec {
  readonly name: string
  readonly channels: number
}

export class BatchNorm2d {
  readonly spec: BatchNormSpec
  /** 'train': the batch's statistics, moving the running ones; 'eval': the running ones. */
  mode: 'train' | 'eval' = 'train'
  #runningMean: Tensor
  #runningVar: Tensor
  readonly #device: Device

  constructor(spec: BatchNormSpec, device: Device) {
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
    this.dispose()
    const shape = [this.spec.channels]
    this.#runningMean = outsideScopes(() => tensor(mean, shape, { device: this.#device }))
    this.#runningVar = outsideScopes(() => tensor(variance, shape, { device: this.#device }))
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
