// Grouped convolutions by ops that know no groups.
import { ShapeError } from '../errors.ts'
import type { Device } from './device.ts'
import { checkTensor, runOp1 } from './run.ts'
import { record } from './tape.ts'
import { type Tensor, tensor } from './tensor.ts'

/**
 * Between the weight [K, C / groups, R, S] of a grouped convolution and the one [K, C, R, S] of an ordinary convolution that
 * computes the same: zero wherever an output channel does not see an input channel. Kernels that skip zeros lose
 * little; the weight gradient takes `groups` times the work that it could.
 */
export class GroupExpansion {
  /** [C, C / groups, 1, 1]: a 1×1 convolution that repeats the channels of a group for each group. */
  readonly #repeat: Tensor
  /** [K, C]: 1 where output and input channel are of one group. */
  readonly #blocks: Tensor<'u8'>

  /** @param weightShape [K, C / groups, R, S], K a multiple of groups */
  constructor([outputs, inputs]: readonly number[], groups: number, device: Device) {
    const [all, perGroup] = [inputs! * groups, outputs! / groups]
    const repeat = new Float32Array(all * inputs!)
    for (let c = 0; c < all; c++) repeat[c * inputs! + (c % inputs!)] = 1
    const blocks = new Uint8Array(outputs! * all)
    for (let k = 0; k < outputs!; k++) {
      const first = k * all + Math.floor(k / perGroup) * inputs!
      blocks.fill(1, first, first + inputs!)
    }
    this.#repeat = tensor(repeat, [all, inputs!, 1, 1], { device })
    this.#blocks = tensor(blocks, [outputs!, all], { dtype: 'u8', device })
  }

  /** [K, C / groups, R, S] → [K, C, R, S]; the tape is told by `record`. */
  expand(weight: Tensor): Tensor {
    const repeated = runOp1('conv2d', [weight, this.#repeat], { stride: 1, padding: 0 })
    const expanded = runOp1('masked_weight', [repeated, this.#blocks])
    repeated.dispose()
    return expanded
  }

  /** Tells the tape that `expanded` came from `weight`. */
  record(expanded: Tensor, weight: Tensor): void {
    const saves = [this.#repeat, this.#blocks as unknown as Tensor]
    record([weight], [expanded], ([gradient]) => [this.#collect(gradient!, weight.shape)], { saves })
  }

  /** The gradient to the weight, from that to its expansion. */
  #collect(gradient: Tensor, shape: readonly number[]): Tensor {
    const seen = runOp1('masked_weight', [gradient, this.#blocks])
    const collected = runOp1('conv2d_input_grad', [seen, this.#repeat, null], {
      stride: 1,
      padding: 0,
      shape,
    })
    seen.dispose()
    return collected
  }

  /** What it is made of, for who frees it. */
  get tensors(): readonly [Tensor, Tensor<'u8'>] {
    return [this.#repeat, this.#blocks]
  }
}

/** @throws ShapeError, ConfigError where a convolution of x by the weight has no such groups */
export function checkGroups(op: string, x: Tensor, weight: Tensor, groups: number): void {
  checkTensor(op, 'x', x)
  checkTensor(op, 'weight', weight)
  const [, channels] = x.shape
  const [outputs, inputs] = weight.shape
  if (
    x.shape.length !== 4 ||
    weight.shape.length !== 4 ||
    channels !== inputs! * groups ||
    outputs! % groups !== 0
  ) {
    throw new ShapeError(
      `${op} in ${groups} groups expects x [N, C, H, W] and a weight [K, C / ${groups}, R, S], K a multiple of ${groups}, but received [${x.shape.join(', ')}] and [${weight.shape.join(', ')}].`,
    )
  }
}
