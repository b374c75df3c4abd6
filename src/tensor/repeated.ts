// Bodies that run over and over, recorded once it is clear that they do.
import type { Attributes } from '../native/addon.ts'
import type { Recording } from './recording.ts'
import { scope } from './scope.ts'
import type { DType, Tensor } from './tensor.ts'

/** What a body's calls depend on beside the shapes of its inputs: equal kinds of equal owners make equal calls. */
export interface Calls {
  /** Such as the model. */
  readonly owner: object
  readonly kind: string
}

/** Attributes that vary from run to run, by op. */
export type Varying = Readonly<Record<string, Attributes>>

interface Known {
  readonly owner: object
  readonly kind: string
  /** Whether it ran once. */
  seen: boolean
  recording: Recording | null
}

/** Batch sizes and kinds of step that take turns. */
const capacity = 8

/**
 * Runs bodies: the first time as they are, so that what they keep for later is made; the second time recorded; then by
 * replay. The bits are the same.
 */
export class Repeated {
  #known: Known[] = []

  /**
   * As `body(...inputs)` in a scope. It must be fit for recording (Device.record) from its second run on.
   * @param inputs all that varies, beside the attributes
   * @param varying what the body itself gives to these ops
   */
  run<I extends readonly [Tensor<DType>, ...Tensor<DType>[]], T>(
    { owner, kind }: Calls,
    body: (...inputs: I) => T,
    inputs: I,
    varying: Varying = {},
  ): T {
    const known = this.#find(
      owner,
      [kind, ...inputs.map(({ shape, dtype }) => `${dtype} ${shape}`)].join('|'),
    )
    if (!known.seen) {
      known.seen = true
      return scope(() => body(...inputs))
    }
    if (known.recording?.usable) {
      const recording = known.recording as unknown as Recording<I, T>
      for (const [op, attributes] of Object.entries(varying)) recording.set(op, attributes)
      return recording.replay(...inputs)
    }
    known.recording?.dispose()
    const recording = inputs[0].device.record(body, ...inputs)
    known.recording = recording as unknown as Recording
    return recording.value
  }

  /** What is known of such calls; the latest used stands last. */
  #find(owner: object, kind: string): Known {
    const place = this.#known.findIndex(one => one.owner === owner && one.kind === kind)
    if (place >= 0) {
      const [known] = this.#known.splice(place, 1)
      this.#known.push(known!)
      return known!
    }
    // What cannot be replayed any more would only hold memory.
    for (const { recording } of this.#known) if (recording?.usable === false) recording.dispose()
    this.#known.push({ owner, kind, seen: false, recording: null })
    if (this.#known.length > capacity) this.#known.shift()!.recording?.dispose()
    return this.#known.at(-1)!
  }

  /** Lets go of the recordings. It may be used again. */
  dispose(): void {
    for (const { recording } of this.#known) recording?.dispose()
    this.#known = []
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
