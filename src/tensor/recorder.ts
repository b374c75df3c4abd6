// What is being recorded at the moment: tensors and ops tell it what they make and read.
import { ConfigError } from '../errors.ts'

/** What a recording needs to know of a tensor. */
export interface RecordedTensor {
  readonly shape: readonly number[]
  readonly device: unknown
  readonly disposed: boolean
}

export class Recorder {
  readonly #device: unknown
  readonly #inputs: ReadonlySet<RecordedTensor>
  readonly #made = new Set<RecordedTensor>()
  readonly #kept = new Set<RecordedTensor>()

  /** @param inputs are given anew to each replay */
  constructor(device: unknown, inputs: readonly RecordedTensor[]) {
    this.#device = device
    this.#inputs = new Set(inputs)
  }

  /** @throws ConfigError for a tensor of another device */
  makes(tensor: RecordedTensor): void {
    this.#checkDevice(tensor)
    this.#made.add(tensor)
  }

  /** @throws ConfigError for a tensor of another device */
  reads(tensor: RecordedTensor): void {
    this.#checkDevice(tensor)
    if (!this.#made.has(tensor) && !this.#inputs.has(tensor)) this.#kept.add(tensor)
  }

  /** What the calls read that is neither given nor made by them. */
  get kept(): RecordedTensor[] {
    return [...this.#kept]
  }

  /** Whether the body made the tensor. */
  made(tensor: RecordedTensor): boolean {
    return this.#made.has(tensor)
  }

  /** What the body made that is live. */
  get live(): RecordedTensor[] {
    return [...this.#made].filter(tensor => !tensor.disposed)
  }

  #checkDevice({ device }: RecordedTensor): void {
    if (device === this.#device) return
    throw new ConfigError(
      'A body that is recorded works on the device that records it but used a tensor of another one.',
      'body',
    )
  }
}

let current: Recorder | null = null

/** The recorder of the body that runs, if it is recorded. */
export const recorder = (): Recorder | null => current

/** @throws ConfigError where a body is being recorded already */
export function recordedBy<T>(next: Recorder, body: () => T): T {
  current = next
  try {
    return body()
  } finally {
    current = null
  }
}
