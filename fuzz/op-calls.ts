// Calls ops at random and judges what comes back: a right result or a typed error, and a device that works on.
import type { Addon, DeviceHandle, DType, NativeTensor, OpRow, TensorHandle } from '../src/native/addon.ts'
import { loadAddon } from '../src/native/load.ts'
import { Dice } from './dice.ts'
import { byteLength, drawCall, type FuzzCall, runCall } from './op-call.ts'

/** What a call ended with: the bytes of its outputs and of the inputs that it may change, or an error. */
type Outcome = { bytes: (Uint8Array | null)[] } | { kind: string; message: string }

/** Bytes: more than any right call takes, and little enough for the machine. */
const enough = 1 << 28

const typedKinds = new Set(['shape', 'argument', 'memory', 'device'])

export class OpFuzzer {
  readonly #native = loadAddon() as Addon
  readonly #rows = this.#native.ops()
  /** Calls differ in threads and memory; results must not. */
  readonly #device = this.#make(1, enough)
  readonly #twin = this.#make(2, enough)
  readonly #small = this.#make(1, 1 << 14)
  #counts = { results: 0, errors: 0 }
  /** Of the tensors of the last outcome. */
  #dtypes: (DType | undefined)[] = []

  #make(threads: number, memoryLimit: number): DeviceHandle {
    return this.#native.createDevice({ library: '', index: 0, threads, memoryLimit, sparse: true })
  }

  /** How many calls gave results, and how many errors. */
  get counts(): { readonly results: number; readonly errors: number } {
    return this.#counts
  }

  /** The call of that number, in words. */
  describe(seed: number, index: number): string {
    return described(drawCall(this.#dice(seed, index), this.#row(index)))
  }

  #dice(seed: number, index: number): Dice {
    return new Dice(seed * 2 ** 21 + index)
  }

  #row(index: number): OpRow {
    return this.#rows[index % this.#rows.length]!
  }

  /** @returns what is wrong with what the call of that number did, or null */
  async run(seed: number, index: number): Promise<string | null> {
    const dice = this.#dice(seed, index)
    const call = drawCall(dice, this.#row(index))
    const small = dice.chance(0.1)
    const outcome = await this.#outcome(small ? this.#small : this.#device, call, dice, true)
    const problem = (await this.#judge(call, outcome, dice)) ?? (await this.#stillWorks())
    this.#counts['kind' in outcome ? 'errors' : 'results']++
    return problem === null ? null : `call ${index}, ${described(call)}: ${problem}`
  }

  async #judge(call: FuzzCall, outcome: Outcome, dice: Dice): Promise<string | null> {
    if ('kind' in outcome) {
      if (!typedKinds.has(outcome.kind)) return `an error of kind ${outcome.kind}: ${outcome.message}`
      if (call.badHandle && outcome.kind === 'memory') return null
      return /\.$/.test(outcome.message) ? null : `no sentence: ${outcome.message}`
    }
    if (call.badHandle) return `a ${call.badHandle.kind} handle was taken`
    // A tensor that changes while it is read elsewhere has no result that copies could give.
    const row = this.#rows.find(({ name }) => name === call.op)!
    if (
      row.inputs.some(
        ({ mutated }, i) =>
          mutated && call.inputs.indexOf(call.inputs[i]!) !== call.inputs.lastIndexOf(call.inputs[i]!),
      )
    )
      return null
    const twin = await this.#outcome(this.#twin, call, dice, false)
    if ('kind' in twin) return `a result with aliases, but with copies a ${twin.kind} error: ${twin.message}`
    const outputs = outcome.bytes.length - call.inputs.length
    for (const [i, bytes] of outcome.bytes.entries()) {
      const difference = differs(bytes, twin.bytes[i]!, this.#dtypes[i])
      const what = i < outputs ? `output ${i}` : `input ${i - outputs} afterwards`
      if (difference) return `${what} differs from that of copies on another device: ${difference}`
    }
    return null
  }

  async #outcome(device: DeviceHandle, call: FuzzCall, dice: Dice, first: boolean): Promise<Outcome> {
    const native = this.#native
    const made: TensorHandle[] = []
    try {
      const badHandle = call.badHandle && this.#badHandle(call.badHandle.kind)
      const { handles, run } = runCall(native, device, call, { shareInputs: first, badHandle })
      for (const handle of handles) if (handle) made.push(handle)
      if (first) this.#stir(device, call, handles, dice, made)
      const outputs: (NativeTensor | null)[] = run()
      for (const output of outputs) if (output) made.push(output.handle)
      const inputs = handles.map((handle, i) => handle && { handle, ...call.inputs[i]! })
      const all = [...outputs, ...inputs]
      if (first) this.#dtypes = all.map(tensor => tensor?.dtype)
      const bytes: (Uint8Array | null)[] = []
      for (const tensor of all) {
        if (!tensor) {
          bytes.push(null)
          continue
        }
        const read = new Uint8Array(await native.read(device, tensor.handle))
        if (read.byteLength !== byteLength(tensor.shape, tensor.dtype)) {
          return { kind: 'length', message: `${read.byteLength} bytes for [${tensor.shape}]` }
        }
        bytes.push(read)
      }
      return { bytes }
    } catch (error) {
      const { kind, message } = error as { kind?: string; message?: string }
      return { kind: kind ?? 'none', message: message ?? String(error) }
    } finally {
      for (const handle of new Set(made)) native.release(handle)
    }
  }

  /** Ops before the call, so that its inputs lie in the layouts that those leave behind. */
  #stir(
    device: DeviceHandle,
    call: FuzzCall,
    handles: readonly (TensorHandle | null)[],
    dice: Dice,
    made: TensorHandle[],
  ): void {
    for (const [i, handle] of handles.entries()) {
      const input = call.inputs[i]
      if (!handle || input?.dtype !== 'f32' || input.shape.length !== 4 || !dice.chance(0.3)) continue
      if (input.shape.includes(0)) continue
      const ones = new Uint8Array(new Float32Array(input.shape[1]!).fill(1).buffer)
      const weight = this.#native.upload(device, [1, input.shape[1]!, 1, 1], 'f32', ones).handle
      made.push(weight)
      const attributes = { stride: 1, padding: 0 }
      made.push(this.#native.run(device, 'conv2d', [handle, weight], attributes)[0]!.handle)
    }
  }

  #badHandle(kind: NonNullable<FuzzCall['badHandle']>['kind']): unknown {
    const bytes = new Uint8Array(4)
    if (kind === 'device') return this.#device
    if (kind === 'object') return {}
    const { handle } = this.#native.upload(this.#twin, [1], 'f32', bytes)
    if (kind === 'released') this.#native.release(handle)
    return handle
  }

  async #stillWorks(): Promise<string | null> {
    for (const device of [this.#device, this.#twin, this.#small]) {
      const [ones] = this.#native.run(device, 'fill', [], { shape: [3], value: 1 })
      const values = new Float32Array(await this.#native.read(device, ones!.handle))
      this.#native.release(ones!.handle)
      if (values.some(value => value !== 1)) return `after it a fill of 1 gives ${values}`
    }
    return null
  }
}

/** Sums may be taken in another order on another layout. */
function differs(a: Uint8Array | null, b: Uint8Array | null, dtype: DType | undefined): string | null {
  if (a === null || b === null) return a === b ? null : 'one is left out'
  if (dtype !== 'f32') return Buffer.compare(a, b) === 0 ? null : 'other values'
  const [x, y] = [new Float32Array(a.buffer), new Float32Array(b.buffer)]
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i]!, y[i]!]
    if (Object.is(p, q) || Math.abs(p - q) <= 1e-3 * (1 + Math.abs(p))) continue
    return `element ${i} is ${p} and ${q}`
  }
  return null
}

function described({ op, inputs, attributes, badHandle }: FuzzCall): string {
  const seen: unknown[] = []
  const tensors = inputs.map(input => {
    if (!input) return 'null'
    if (!seen.includes(input)) seen.push(input)
    return `#${seen.indexOf(input)} ${input.dtype}[${input.shape}]`
  })
  return `${op}(${tensors.join(', ')}; ${JSON.stringify(attributes)}${badHandle ? `; input ${badHandle.at} ${badHandle.kind}` : ''})`
}
