// One random call of an op: mostly right, with a fault here and there.
import type { Addon, DeviceHandle, DType, OpRow, TensorHandle } from '../src/native/addon.ts'
import type { Dice } from './dice.ts'

export interface FuzzInput {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly bytes: Uint8Array
}

export interface FuzzCall {
  readonly op: string
  /** Null for one that is left out; the same object twice for one tensor in two places. */
  readonly inputs: readonly (FuzzInput | null)[]
  readonly attributes: Record<string, unknown>
  /** A handle that is no tensor of the device, in place of an input. */
  readonly badHandle: { at: number; kind: 'released' | 'foreign' | 'device' | 'object' } | null
}

type Sizes = Record<'n' | 'c' | 'h' | 'w' | 'k' | 'r', number>

const sizes = [1, 2, 3, 5, 8, 16, 17, 33]

function drawSizes(dice: Dice): Sizes {
  const size = (choices: readonly number[]) => (dice.chance(0.04) ? 0 : dice.pick(choices))
  return {
    n: size(sizes),
    c: size(sizes),
    h: size([1, 2, 3, 4, 7, 8]),
    w: size([1, 2, 3, 4, 7, 8]),
    k: size(sizes),
    r: size([1, 1, 3, 3, 2]),
  }
}

const badAttributes: readonly unknown[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  0.5,
  1e300,
  2 ** 53,
  2 ** 31,
  [],
  [1, 2],
  [-1, 3],
  [1e9, 1e9, 1e9, 1e9],
  [1, 1, 1, 1, 1],
  'text',
  null,
  {},
]

/** A right value for each attribute, given the sizes. */
function attribute(dice: Dice, op: string, row: OpRow['attributes'][number], s: Sizes): unknown {
  const { name, words } = row
  if (words) return dice.pick(words)
  if (name === 'shape') {
    if (op === 'conv2d_weight_grad') return [s.k, s.c, s.r, s.r]
    if (op === 'reshape')
      return dice.pick([[s.n * s.c * s.h * s.w], [s.n, s.c * s.h * s.w], [s.w, s.h, s.c, s.n]])
    if (op === 'gather_grad') return [s.n, s.c]
    if (op === 'unpack_bits' || op === 'random_weight') return [s.k, s.c, s.r, s.r]
    return [s.n, s.c, s.h, s.w]
  }
  const values: Record<string, readonly unknown[]> = {
    stride: [1, 1, 2],
    padding: [0, 1, (s.r - 1) / 2],
    kernel: [1, 2, 3],
    eps: [1e-3, 0.1],
    low: [0],
    high: [1],
    step_size: [0.01],
    keep: [1, 2, s.k * s.c],
    mean: [0, Array.from({ length: s.c }, () => 0.5)],
    std: [1, Array.from({ length: s.c }, () => 0.25)],
    smoothing: [0, 0.1],
  }
  return dice.pick(values[name] ?? [0, 1, 1, 2])
}

/** A right shape for each input, given the sizes. */
function shapeOf(
  dice: Dice,
  op: string,
  input: string,
  s: Sizes,
  attributes: Record<string, unknown>,
): number[] {
  const images = [s.n, s.c, s.h, s.w]
  const outer = (size: number, kernel: number) => {
    const [stride, padding] = [Number(attributes.stride ?? 1), Number(attributes.padding ?? 0)]
    return Math.max(0, Math.floor((size + 2 * padding - kernel) / stride) + 1)
  }
  const weight = [s.k, s.c, s.r, s.r]
  const convolved = [s.n, s.k, outer(s.h, s.r), outer(s.w, s.r)]
  const kernel = Number(attributes.kernel ?? 1)
  if (op.startsWith('conv2d')) {
    if (input === 'dy' || (input === 'residual' && op === 'conv2d_batch_norm')) return convolved
    if (input === 'w') return weight
    if (input === 'running_mean' || input === 'running_var') return [op === 'conv2d_batch_norm' ? s.k : s.c]
    return images
  }
  if (op.endsWith('pool2d_grad') && input === 'dy') return [s.n, s.c, outer(s.h, kernel), outer(s.w, kernel)]
  if (op === 'global_avg_pool_grad') return [s.n, s.c]
  if ((op === 'gather' || op === 'max') && input === 'x') return [s.n, s.c]
  if (op === 'gather_grad' && input === 'dy') return [s.n]
  if (op === 'broadcast') return dice.pick([[], [1], [s.c], [s.n]])
  switch (input) {
    case 'running_mean':
    case 'running_var':
    case 'mean':
    case 'inv_std':
    case 'gamma':
    case 'beta':
    case 'bias':
      return [s.c]
    case 'logits':
      return [s.n, s.c]
    case 'labels':
    case 'indices':
    case 'sample_ids':
    case 'd_losses':
    case 'active':
      return [s.n]
    case 'weight':
    case 'd_weight':
    case 'scores':
      return weight
    case 'mask':
      return dice.pick([weight, [s.k], [s.k, s.c], [s.k, s.c, s.r]])
    case 'bits':
      return [Math.ceil((s.k * s.c * s.r * s.r) / 8)]
    default:
      return dice.chance(0.1) ? [s.n, s.c] : images
  }
}

function elements(dice: Dice, input: string, dtype: DType, size: number, s: Sizes): Uint8Array {
  const bits = input === 'mask' || input === 'positive'
  if (dtype === 'u8') return Uint8Array.from({ length: size }, () => dice.below(bits ? 2 : 256))
  if (dtype === 'i32') {
    const limit = dice.chance(0.1) ? 2 ** 31 - 1 : Math.max(1, input === 'labels' ? s.c : s.n)
    return new Uint8Array(Int32Array.from({ length: size }, () => dice.below(limit)).buffer)
  }
  const positive = input === 'running_var' || input === 'inv_std'
  const value = () => (positive ? 0.5 + dice.unit() : dice.chance(0.2) ? 0 : 2 * dice.unit() - 1)
  return new Uint8Array(Float32Array.from({ length: size }, value).buffer)
}

const bytesEach = { f32: 4, i32: 4, u8: 1 } as const

export function drawCall(dice: Dice, row: OpRow): FuzzCall {
  const s = drawSizes(dice)
  const right: Record<string, unknown> = {}
  for (const each of row.attributes) right[each.name] = attribute(dice, row.name, each, s)
  const attributes = { ...right }
  for (const { name } of row.attributes) {
    if (!dice.chance(0.03)) continue
    if (dice.chance(0.2)) delete attributes[name]
    else attributes[name] = dice.pick(badAttributes)
  }
  const inputs: (FuzzInput | null)[] = []
  for (const { name, dtype: rightDtype, optional } of row.inputs) {
    if (dice.chance(optional ? 0.5 : 0.01)) {
      inputs.push(null)
      continue
    }
    const dtype = dice.chance(0.01) ? dice.pick(['f32', 'i32', 'u8'] as const) : rightDtype
    const of = dice.chance(0.03) ? drawSizes(dice) : s
    const shape = shapeOf(dice, row.name, name, of, right)
    const alike = inputs.filter(other => other?.dtype === dtype && String(other.shape) === String(shape))
    if (alike.length > 0 && dice.chance(0.3)) inputs.push(dice.pick(alike)!)
    else {
      const size = shape.reduce((product, d) => product * d, 1)
      inputs.push({ shape, dtype, bytes: elements(dice, name, dtype, size, s) })
    }
  }
  // One tensor for two inputs of different right shapes, or one more or less of them.
  if (inputs.length > 1 && dice.chance(0.03)) inputs[1] = inputs[0]!
  if (dice.chance(0.01)) inputs.pop()
  if (dice.chance(0.01)) inputs.push(null)
  const badHandle =
    inputs.length > 0 && dice.chance(0.02)
      ? {
          at: dice.below(inputs.length),
          kind: dice.pick(['released', 'foreign', 'device', 'object'] as const),
        }
      : null
  return { op: row.name, inputs, attributes, badHandle }
}

/** Bytes of a tensor as the core must give them. */
export const byteLength = (shape: readonly number[], dtype: DType): number =>
  shape.reduce((product, d) => product * d, 1) * bytesEach[dtype]

/** Makes the call's tensors on a device, each object one tensor, and runs it. */
export function runCall(
  native: Addon,
  device: DeviceHandle,
  call: FuzzCall,
  { shareInputs, badHandle }: { shareInputs: boolean; badHandle: unknown },
) {
  const made = new Map<FuzzInput, TensorHandle>()
  const handles = call.inputs.map(input => {
    if (!input) return null
    const known = shareInputs ? made.get(input) : undefined
    if (known) return known
    const { handle } = native.upload(device, input.shape, input.dtype, input.bytes)
    made.set(input, handle)
    return handle
  })
  const given: unknown[] = [...handles]
  if (call.badHandle) given[call.badHandle.at] = badHandle
  const run = () =>
    native.run(device, call.op, given as (TensorHandle | null)[], call.attributes as Record<string, number>)
  return { handles, run }
}
