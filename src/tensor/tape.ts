// Reverse-mode differentiation: ops record themselves on the current tape, gradients are asked for explicitly.
import { ShapeError } from '../errors.ts'
import { runOp } from './run.ts'
import { ownedByScope, scope } from './scope.ts'
import { Tensor } from './tensor.ts'

/**
 * From the gradients of a node's outputs (null where nothing depends on one) to those of its inputs. `wanted` says
 * which inputs need one; the others' entries are ignored and should not be computed.
 */
export type Backward = (
  outputGradients: readonly (Tensor | null)[],
  wanted: readonly boolean[],
) => (Tensor | null)[]

interface Node {
  inputs: readonly (Tensor | null)[]
  outputs: readonly Tensor[]
  backward: Backward
}

interface Tape {
  nodes: Node[]
  tracked: Set<Tensor>
}

let current: Tape | null = null

/** @internal Called by each differentiable op: kept only if an input leads to a tensor being differentiated. */
export function record(
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  backward: Backward,
): void {
  const tape = current
  if (!tape || !inputs.some(input => input && tape.tracked.has(input))) return
  tape.nodes.push({ inputs, outputs, backward })
  for (const output of outputs) tape.tracked.add(output)
}

/** Disposes an intermediate value unless a tape may still need it: for forward passes that keep memory low. */
export function release(tensor: Tensor): void {
  if (!current) tensor.dispose()
}

/**
 * Runs `forward` and differentiates its loss: the returned tensor itself, or the `loss` of a returned object. A loss
 * that is not a scalar counts as the sum of its elements. Only the gradients to `wrt` are computed.
 *
 * Everything made along the way is freed, as early as the backward pass allows, except what is returned. A tensor that
 * the loss does not depend on gets a gradient of zeros. `forward` must not be async.
 *
 * @example const { value, gradients: [dx] } = grad(() => ops.crossEntropy(model.logits(x), labels), [x])
 */
export function grad<T extends Tensor | { loss: Tensor }>(
  forward: () => T,
  wrt: readonly Tensor[],
): { value: T; gradients: Tensor[] } {
  return scope(() => {
    const tape: Tape = { nodes: [], tracked: new Set(wrt) }
    const outer = current
    current = tape
    let value: T
    try {
      value = forward()
    } finally {
      current = outer
    }
    const returned: Record<string, Tensor> = value instanceof Tensor ? { loss: value } : { ...value }
    const loss = returned.loss!
    if (loss.dtype !== 'f32') throw new ShapeError(`Expected a loss of f32 but received ${loss.dtype}.`)
    const kept = new Set<Tensor>([...wrt, ...Object.values(returned)])
    return { value, gradients: backpropagate(tape, loss, wrt, kept) }
  })
}

function backpropagate(tape: Tape, loss: Tensor, wrt: readonly Tensor[], kept: Set<Tensor>): Tensor[] {
  const gradients = new Map<Tensor, Tensor>([[loss, filled(loss, 1)]])
  const targets = new Set(wrt)
  for (let node = tape.nodes.pop(); node; node = tape.nodes.pop()) {
    const spent: Tensor[] = []
    const outputGradients = node.outputs.map(output => gradients.get(output) ?? null)
    if (outputGradients.some(gradient => gradient !== null)) {
      const wanted = node.inputs.map(input => input !== null && tape.tracked.has(input))
      const inputGradients = node.backward(outputGradients, wanted)
      node.inputs.forEach((input, i) => {
        const gradient = inputGradients[i]
        if (!input || !gradient || !wanted[i]) return
        const known = gradients.get(input)
        if (known) spent.push(known, gradient)
        gradients.set(
          input,
          known ? (runOp(input.device, 'add', [known, gradient], {})[0] as Tensor) : gradient,
        )
      })
    }
    // Whatever used these outputs came later on the tape and is done.
    for (const output of node.outputs) {
      const gradient = gradients.get(output)
      if (gradient && !targets.has(output)) {
        gradients.delete(output)
        spent.push(gradient)
      }
      if (!kept.has(output) && ownedByScope(output)) output.dispose()
    }
    // An addition hands one gradient to both its inputs, so another entry may still hold it.
    const live = new Set(gradients.values())
    for (const gradient of spent) if (!live.has(gradient)) gradient.dispose()
  }
  return wrt.map(target => gradients.get(target) ?? filled(target, 0))
}

function filled(like: Tensor, value: number): Tensor {
  return runOp(like.device, 'fill', [], { shape: like.shape, value })[0] as Tensor
}
