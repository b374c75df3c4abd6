// The gradient to a convolution's input, as an op that is still to be run.
import { runOp } from './run.ts'
import type { Tensor } from './tensor.ts'

/** Attributes of a convolution's native ops. */
export type ConvGeometry = { readonly stride: number; readonly padding: number }

/**
 * It waits until its consumer is known, so that what follows it is done in the same pass: the sum with another gradient
 * to the same tensor, and the batch norm (eval mode) and ReLU that this tensor came from.
 */
export class ConvInputGradient {
  readonly #dy: Tensor
  readonly #weight: Tensor
  readonly #attributes: ConvGeometry & { readonly shape: readonly number[] }
  #addend: Tensor | null = null

  /** `shape` is that of the convolution's input. */
  constructor(dy: Tensor, weight: Tensor, attributes: ConvGeometry & { readonly shape: readonly number[] }) {
    this.#dy = dy
    this.#weight = weight
    this.#attributes = attributes
  }

  /** The gradients that it needs until it has run. */
  get operands(): Tensor[] {
    return this.#addend ? [this.#dy, this.#addend] : [this.#dy]
  }

  /** Whether its weight is that tensor, which then must outlive it. */
  convolvesWith(tensor: Tensor): boolean {
    return this.#weight === tensor
  }

  /** Adds another gradient to the result; false where it has one already. */
  add(gradient: Tensor): boolean {
    if (this.#addend) return false
    this.#addend = gradient
    return true
  }

  /** The gradient itself. */
  run(): Tensor {
    return this.#run('conv2d_input_grad', [], {})[0]!
  }

  /**
   * With g = gradient·[positive], or the gradient where `positive` is null: g / √(var + eps), and g where it is wanted.
   */
  runThroughBatchNorm(
    positive: Tensor<'u8'> | null,
    runningVar: Tensor,
    { eps, sum }: { eps: number; sum: boolean },
  ): [Tensor, Tensor | null] {
    return this.#run('conv2d_input_grad_batch_norm', [positive, runningVar], { eps, sum }) as [
      Tensor,
      Tensor | null,
    ]
  }

  #run(op: string, more: (Tensor | Tensor<'u8'> | null)[], attributes: { eps?: number; sum?: boolean }) {
    return runOp(op, [this.#dy, this.#weight, this.#addend, ...more], {
      ...this.#attributes,
      ...attributes,
    }) as (Tensor | null)[]
  }
}
