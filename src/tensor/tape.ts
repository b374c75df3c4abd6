// Reverse-mode differentiation: ops record themselves on the current tape, gradients are asked for explicitly.
import { ShapeError } from '../errors.ts'
import { kind, required } from '../inputs/kinds.ts'
import { checkOption, describeValue } from '../inputs/options.ts'
import type { ConvInputGradient } from './conv-gradient.ts'
import { runOp } from './run.ts'
import { HeldScope, ownedByScope, scope } from './scope.ts'
import { checkBody, checkSynchronous } from './synchronous.ts'
import { whileTaping } from './taping.ts'
import { Tensor } from './tensor.ts'

/** A gradient, or the convolution that will give it. */
export type Gradient = Tensor | ConvInputGradient

/**
 * From the gradients of a node's outputs (null where nothing depends on one) to those of its inputs. `wanted` says
 * which inputs need one; the others' entries are ignored and should not be computed.
 */
export type Backward = (
  outputGradients: readonly (Tensor | null)[],
  wanted: readonly boolean[],
) => (Gradient | null)[]

/** The same for a node that takes the gradient of its outputs in either form. */
export type FusingBackward = (
  outputGradients: readonly (Gradient | null)[],
  wanted: readonly boolean[],
) => (Gradient | null)[]

interface Node {
  inputs: readonly (Tensor | null)[]
  outputs: readonly Tensor[]
  backward: FusingBackward
  fuses: boolean
}

interface Tape {
  nodes: Node[]
  tracked: Set<Tensor>
  /** What a backward function will read. */
  saved: Set<Tensor>
}

let current: Tape | null = null

/** @internal Whether a gradient to the tensor is asked for, directly or through what it depends on. */
export function isTracked(tensor: Tensor | null | undefined): boolean {
  return tensor ? (current?.tracked.has(tensor) ?? false) : false
}

interface RecordOptions {
  /** The tensors that `backward` reads. Default: all inputs and outputs. */
  saves?: readonly (Tensor | null)[]
}

export const savesNothing: RecordOptions = { saves: [] }

/** @internal Called by each differentiable op: kept only if an input leads to a tensor being differentiated. */
export function record(
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  backward: Backward,
  options: RecordOptions = {},
): void {
  push({ inputs, outputs, backward: backward as FusingBackward, fuses: false }, options)
}

/** @internal The same for an op that can take the gradient of its outputs as a convolution still to be run. */
export function recordFusing(
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  backward: FusingBackward,
  options: RecordOptions = {},
): void {
  push({ inputs, outputs, backward, fuses: true }, options)
}

function push(node: Node, { saves = [...node.inputs, ...node.outputs] }: RecordOptions): void {
  const tape = current
  if (!tape || !node.inputs.some(input => input && tape.tracked.has(input))) return
  tape.nodes.push(node)
  for (const output of node.outputs) tape.tracked.add(output)
  for (const tensor of saves) if (tensor) tape.saved.add(tensor)
}

/** Disposes an intermediate value that only a backward pass may still need, unless one does: to keep memory low. */
export function release(tensor: Tensor): void {
  if (!current || (!current.saved.has(tensor) && ownedByScope(tensor))) tensor.dispose()
}

/**
 * Runs `forward` and differentiates its loss: the returned tensor itself, or the `loss` of a returned object. A loss
 * that is not a scalar counts as the sum of its elements. Only the gradients to `wrt` are computed.
 *
 * Everything made along the way is freed, as early as the backward pass allows, except what is returned. A tensor
 * that the loss does not depend on gets a gradient of zeros.
 * @param forward synchronous
 * @returns what `forward` returned, and a gradient of the shape of each tensor of `wrt`
 * @throws ConfigError where `forward` is no function or async, or `wrt` no array of tensors; ShapeError where it
 * returns no loss
 * @example
 * import { grad, ops, tensor } from 'rst-native'
 * const x = tensor([1, 2, 3])
 * const { value, gradients } = grad(() => ops.sum(ops.mul(x, x)), [x])
 * console.log(await value.data(), await gradients[0].data()) // → [14] [2, 4, 6]
 */
export function grad<T extends Tensor | { loss: Tensor }>(
  forward: () => T,
  wrt: readonly Tensor[],
): { value: T; gradients: Tensor[] } {
  checkBody('grad()', forward)
  checkOption('wrt', wrt, wrtRow, 'grad()')
  return scope(() => {
    const tape = newTape(wrt)
    const value = recorded('grad()', tape, forward)
    const returned: Record<string, Tensor> = value instanceof Tensor ? { loss: value } : { ...value }
    const { loss } = returned
    if (!(loss instanceof Tensor)) {
      throw new ShapeError(
        `grad() expects a body that returns a tensor or { loss: a tensor } but received ${describeValue(loss ?? value)}.`,
      )
    }
    if (loss.dtype !== 'f32') throw new ShapeError(`Expected a loss of f32 but received ${loss.dtype}.`)
    const kept = new Set<Tensor>([...wrt, ...Object.values(returned)])
    return { value, gradients: backpropagate(tape, loss, filled(loss, 1), wrt, kept) }
  })
}

/** A value, and the way back from it. */
export interface Pullback {
  /** Lives until `pull` or `dispose`. */
  readonly value: Tensor
  /**
   * The gradients to `wrt` of Σ cotangent ⊙ value. It takes over the cotangent, which has the value's shape, and can be
   * called once.
   */
  pull(cotangent: Tensor): Tensor[]
  /** Frees what the way back needs, where `pull` is not called. Disposing twice is allowed. */
  dispose(): void
}

/**
 * As grad(), for a loss that is decided once the value is known: everything that the way back needs is kept until
 * then.
 * @param forward synchronous, returns a tensor
 * @param wrt tensors to whose elements the gradients are wanted
 * @throws ConfigError where `forward` is no function or async, or `wrt` no array of tensors; ShapeError where it
 * returns no tensor of f32
 * @example
 * import { ops, tensor, vjp } from 'rst-native'
 * const x = tensor([1, 2], [1, 2])
 * const { value, pull } = vjp(() => ops.scale(x, 3), [x])
 * const [first] = await value.data()
 * const [dx] = pull(tensor([first, 0], value.shape)) // the cotangent, made of the value
 * console.log(await dx.data()) // → [9, 0]
 */
export function vjp(forward: () => Tensor, wrt: readonly Tensor[]): Pullback {
  checkBody('vjp()', forward)
  checkOption('wrt', wrt, wrtRow, 'vjp()')
  const held = new HeldScope()
  const tape = newTape(wrt)
  const value = held.run(() => {
    const made: unknown = recorded('vjp()', tape, forward)
    if (made instanceof Tensor && made.dtype === 'f32') return made
    throw new ShapeError(
      `vjp() expects a body that returns a tensor of f32 but received ${describeValue(made)}.`,
    )
  })
  return {
    value,
    pull(cotangent) {
      const gradients = held.run(() => backpropagate(tape, value, cotangent, wrt, new Set([...wrt, value])))
      for (const gradient of gradients) held.give(gradient)
      held.dispose()
      return gradients
    },
    dispose: () => held.dispose(),
  }
}

const wrtRow = required(
  kind('an array of tensors', value => Array.isArray(value) && value.every(one => Tensor.is(one))),
)

const newTape = (wrt: readonly Tensor[]): Tape => ({ nodes: [], tracked: new Set(wrt), saved: new Set() })

/** Runs `forward`, recording on the tape. */
function recorded<T>(owner: string, tape: Tape, forward: () => T): T {
  const outer = current
  current = tape
  try {
    const value = whileTaping(forward)
    checkSynchronous(owner, value)
    return value
  } finally {
    current = outer
  }
}

/** From the cotangent of `output`, which it disposes. */
function backpropagate(
  tape: Tape,
  output: Tensor,
  cotangent: Tensor,
  wrt: readonly Tensor[],
  kept: Set<Tensor>,
): Tensor[] {
  const gradients = new Map<Tensor, Gradient>([[output, cotangent]])
  const targets = new Set(wrt)
  let spent: Tensor[] = []
  /** Runs what is still to be run. */
  const tensorOf = (gradient: Gradient): Tensor => {
    if (isTensor(gradient)) return gradient
    spent.push(...gradient.operands)
    return gradient.run()
  }
  const sum = (a: Gradient, b: Gradient): Gradient => {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!isTensor(one) && one.operands.length === 1) {
        one.add(tensorOf(other))
        return one
      }
    }
    const [x, y] = [tensorOf(a), tensorOf(b)]
    spent.push(x, y)
    return runOp('add', [x, y])[0] as Tensor
  }
  for (let node = tape.nodes.pop(); node; node = tape.nodes.pop()) {
    for (const output of node.outputs) {
      const gradient = gradients.get(output)
      if (gradient && (!node.fuses || targets.has(output))) gradients.set(output, tensorOf(gradient))
    }
    const outputGradients = node.outputs.map(output => gradients.get(output) ?? null)
    if (outputGradients.some(gradient => gradient !== null)) {
      const wanted = node.inputs.map(input => input !== null && tape.tracked.has(input))
      const inputGradients = node.backward(outputGradients, wanted)
      node.inputs.forEach((input, i) => {
        const gradient = inputGradients[i]
        if (!input || !gradient || !wanted[i]) return
        const known = gradients.get(input)
        gradients.set(input, known ? sum(known, gradient) : gradient)
      })
    }
    // Whatever used these outputs came later on the tape and is done.
    for (const output of node.outputs) {
      const gradient = gradients.get(output)
      if (gradient && !targets.has(output)) {
        gradients.delete(output)
        spent.push(...(isTensor(gradient) ? [gradient] : gradient.operands))
      }
      if (kept.has(output) || !ownedByScope(output)) continue
      for (const [input, waiting] of gradients) {
        if (!isTensor(waiting) && waiting.convolvesWith(output)) gradients.set(input, tensorOf(waiting))
      }
      output.dispose()
    }
    // A gradient may go to several inputs, and be an operand of one that is still to be run.
    const live = new Set([...gradients.values()].flatMap(g => (isTensor(g) ? [g] : g.operands)))
    for (const gradient of spent) if (!live.has(gradient)) gradient.dispose()
    spent = spent.filter(gradient => live.has(gradient))
  }
  const results = wrt.map(target => {
    const gradient = gradients.get(target)
    const result = gradient ? tensorOf(gradient) : filled(target, 0)
    if (gradient) gradients.set(target, result)
    return result
  })
  const returned = new Set(results)
  for (const gradient of spent) if (!returned.has(gradient)) gradient.dispose()
  return results
}

const isTensor = (gradient: Gradient): gradient is Tensor => gradient instanceof Tensor

function filled(like: Tensor, value: number): Tensor {
  return runOp('fill', [], { shape: like.shape, value }, like.device)[0] as Tensor
}
