// What every attack is, and what it returns.
import type { Tensor } from '../tensor/tensor.ts'
import type { Classifier } from './classifier.ts'
import type { Norm } from './threat-model.ts'

export interface AttackRunOptions {
  /** Seeds the random draws, which are per image. Default 0. */
  seed?: number
  /** Images attacked at once; it changes nothing but speed and memory. Default 256. */
  batchSize?: number
  /** Image numbers that key the random draws, [N]. Default 0 … N − 1. */
  sampleIds?: ArrayLike<number>
  signal?: AbortSignal
  onProgress?: (progress: { images: number; total: number }) => void
}

export interface Warning {
  readonly code: string
  readonly message: string
}

export interface AttackResult {
  /** [N·C·H·W], inside the ball and the box. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** 1 = still classified right. */
  readonly robust: Uint8Array<ArrayBuffer>
  /** The largest loss found for each image; of attacks that give `distances`, their negative. */
  readonly bestLoss: Float32Array<ArrayBuffer>
  /**
   * Of attacks that look for the nearest adversarial image (FAB, CW-L2): its distance in the attack's norm, also where
   * that is beyond eps; 0 where the image itself is classified wrong, Infinity where none was found.
   */
  readonly distances?: Float64Array<ArrayBuffer>
  /** Images that passed forwards and backwards through the model. */
  readonly forwards: number
  readonly backwards: number
  readonly warnings: readonly Warning[]
}

export interface Attack {
  readonly name: string
  readonly eps: number
  readonly norm: Norm
  /**
   * @param images [N, C, H, W] in [0, 1], as a tensor or its elements
   * @param labels [N]
   * @throws ShapeError, ConfigError, AbortError
   */
  run(
    model: Classifier,
    images: Float32Array | Tensor,
    labels: ArrayLike<number>,
    options?: AttackRunOptions,
  ): Promise<AttackResult>
}
