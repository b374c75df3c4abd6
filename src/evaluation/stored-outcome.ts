// What an attack found for a batch, as a sealed file:
//
//   metadata     format, run, key, outcome (JSON of forwards, backwards, warnings)
//   adversarial  F32 [N, C·H·W], pixels in [0, 1]
//   images       I32 [N], numbers of the images in their data set
//   robust       U8 [N], 0 or 1
//   best_loss    F64 [N]
//   distances    F64 [N], of attacks that look for the nearest adversarial image
//   queries      I32 [N], of attacks without gradients
//   targets, hit I32 and U8 [N], of targeted runs
import type { Warning } from '../attacks/frame/attack.ts'
import type { BatchOutcome } from '../attacks/frame/batch-outcome.ts'
import { TicketError } from '../errors.ts'
import { parseJson } from '../files/json.ts'
import type { Dtype, SafetensorsFile, StoredTensor } from '../files/safetensors.ts'
import { encodeSealed } from '../files/sealed.ts'

/** What a file is of. */
export interface Entry {
  readonly format: string
  readonly run: string
  readonly key: string
  readonly sampleIds: Int32Array
  /** Values of an image. */
  readonly imageSize: number
}

/** Slack of the box, as of its check: rounding in f32. */
const tolerance = 1e-6

/** undefined for what would not be read back: images outside the box, which only an attack with a fault makes. */
export function encodeOutcome(
  outcome: BatchOutcome,
  { format, run, key, sampleIds, imageSize }: Entry,
): Uint8Array<ArrayBuffer>[] | undefined {
  const { adversarial, robust, bestLoss, distances, queries, targets, hit, forwards, backwards, warnings } =
    outcome
  const count = sampleIds.length
  if (adversarial.length !== count * imageSize || !inBox(adversarial)) return undefined
  const tensors = new Map<string, StoredTensor>([
    ['adversarial', { dtype: 'F32', shape: [count, imageSize], data: adversarial }],
    ['images', { dtype: 'I32', shape: [count], data: sampleIds }],
    ['robust', { dtype: 'U8', shape: [count], data: Uint8Array.from(robust) }],
    ['best_loss', { dtype: 'F64', shape: [count], data: Float64Array.from(bestLoss) }],
  ])
  if (distances) {
    tensors.set('distances', { dtype: 'F64', shape: [count], data: Float64Array.from(distances) })
  }
  if (queries) tensors.set('queries', { dtype: 'I32', shape: [count], data: Int32Array.from(queries) })
  if (targets) tensors.set('targets', { dtype: 'I32', shape: [count], data: Int32Array.from(targets) })
  if (hit) tensors.set('hit', { dtype: 'U8', shape: [count], data: Uint8Array.from(hit) })
  const metadata = { format, run, key, outcome: JSON.stringify({ forwards, backwards, warnings }) }
  return encodeSealed({ metadata, tensors })
}

/**
 * @param path named in errors
 * @throws TicketError where the file is not of the entry, or its content is not what an attack finds
 */
export function outcomeOf(
  { metadata, tensors }: SafetensorsFile,
  { format, run, key, sampleIds, imageSize }: Entry,
  path: string,
): BatchOutcome {
  const wrong = (message: string, field: string) => new TicketError(`${path}: ${message}`, field)
  for (const [field, expected] of Object.entries({ format, run, key })) {
    if (metadata[field] === expected) continue
    throw wrong(
      `expected ${field} ${expected} but it has ${metadata[field] ?? 'none'}: it is of another run or batch.`,
      field,
    )
  }
  const count = sampleIds.length
  const take = <T>(name: string, dtype: Dtype, shape: readonly number[], valid: (data: T) => boolean): T => {
    const stored = tensors.get(name)
    const isRight = stored?.dtype === dtype && stored.shape.join() === shape.join()
    if (isRight && valid(stored.data as T)) return stored.data as T
    throw wrong(
      `expected ${name} as ${dtype} of [${shape.join(', ')}], of values that an attack finds.`,
      name,
    )
  }
  const areFlags = (flags: Uint8Array) => flags.every(flag => flag <= 1)
  const areCounts = (values: Int32Array) => values.every(value => value >= 0)
  take<Int32Array>('images', 'I32', [count], ids => ids.every((id, n) => id === sampleIds[n]))
  return {
    adversarial: take<Float32Array>('adversarial', 'F32', [count, imageSize], inBox),
    robust: take<Uint8Array>('robust', 'U8', [count], areFlags),
    bestLoss: take<Float64Array>('best_loss', 'F64', [count], () => true),
    ...(tensors.has('distances') && {
      distances: take<Float64Array>('distances', 'F64', [count], values => values.every(d => d >= 0)),
    }),
    ...(tensors.has('queries') && { queries: take<Int32Array>('queries', 'I32', [count], areCounts) }),
    ...(tensors.has('targets') && { targets: take<Int32Array>('targets', 'I32', [count], areCounts) }),
    ...(tensors.has('hit') && { hit: take<Uint8Array>('hit', 'U8', [count], areFlags) }),
    ...effortOf(metadata.outcome, wrong),
  }
}

function effortOf(json: string | undefined, wrong: (message: string, field: string) => TicketError) {
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  const isWarning = (value: unknown): value is Warning => {
    const { code, message } = (value ?? {}) as Partial<Record<keyof Warning, unknown>>
    return typeof code === 'string' && typeof message === 'string'
  }
  let outcome: unknown
  try {
    outcome = parseJson(json ?? '')
  } catch {}
  const { forwards, backwards, warnings } = (outcome ?? {}) as Record<string, unknown>
  if (isCount(forwards) && isCount(backwards) && Array.isArray(warnings) && warnings.every(isWarning)) {
    return { forwards, backwards, warnings }
  }
  throw wrong('expected the passes and warnings of the attack in outcome.', 'outcome')
}

function inBox(pixels: Float32Array): boolean {
  for (let i = 0; i < pixels.length; i++) {
    if (!(pixels[i] >= -tolerance && pixels[i] <= 1 + tolerance)) return false
  }
  return true
}
