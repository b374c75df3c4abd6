// A training state as a file and back, to the same bits: a sealed safetensors file with the parameters, their
// velocities, the running statistics, the inner attack's state, and the position as JSON in the U8 tensor `position`.
// Both directions walk the same two tables, so that nothing can be written that is not read.
import { TicketError } from '../errors.ts'
import { parseJson } from '../files/json.ts'
import type { StoredTensor } from '../files/safetensors.ts'
import { decodeSealed, encodeSealedInTurns } from '../files/sealed.ts'
import { assign } from '../tensor/ops/optim.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { Candidate } from './selection.ts'
import { epochIsDue, type Position, type Run, type TrainingState } from './training-state.ts'

const format = 'rst-checkpoint/2'
const cure = 'remove it to go on from the checkpoint before it, or start another run'

/** One tensor of a state. */
interface Slot {
  readonly name: string
  /** Undefined where any shape may come, or none. */
  readonly shape?: readonly number[]
  /** What it holds now. */
  readonly tensor: Tensor | null
  readonly assign: (values: Float32Array<ArrayBuffer>, shape: readonly number[]) => void
}

/** Every tensor of a state. */
function slots({ trainee, velocities, session }: TrainingState): Slot[] {
  const { parameters, network } = trainee
  const { device } = network
  const inPlace = (name: string, t: Tensor): Slot => ({
    name,
    shape: t.shape,
    tensor: t,
    assign: values => scope(() => assign(t, tensor(values, t.shape, { device }))),
  })
  return [
    ...parameters.flatMap(({ name, tensor: t }, i) => [
      inPlace(name, t),
      inPlace(`${name}.velocity`, velocities[i]),
    ]),
    ...network.batchNorms.flatMap(({ spec, runningMean, runningVar }) => [
      inPlace(`${spec.name}.running_mean`, runningMean),
      inPlace(`${spec.name}.running_var`, runningVar),
    ]),
    ...(session
      ? [
          {
            name: 'inner.state',
            tensor: session.state ?? null,
            assign(values: Float32Array<ArrayBuffer>, shape: readonly number[]) {
              session.state?.dispose()
              session.state = outsideScopes(() => tensor(values, shape, { device }))
            },
          },
        ]
      : []),
  ]
}

const isCount = (value: unknown, low: number, high: number) =>
  Number.isInteger(value) && (value as number) >= low && (value as number) <= high
const isShare = (value: unknown) => Number.isFinite(value) && (value as number) >= 0 && (value as number) <= 1

function isCandidateOf(value: unknown, { epochs }: Run): value is Candidate {
  const { epoch, naturalAccuracy, robustAccuracy = 0 } = (value ?? {}) as Record<string, unknown>
  return isCount(epoch, 0, epochs - 1) && isShare(naturalAccuracy) && isShare(robustAccuracy)
}

/** Images of the epoch that has not ended that a run has trained on. */
function imagesOf(position: Position, run: Run): number {
  const { step } = position
  const { stepsPerEpoch, batchSize, images } = run
  return epochIsDue(position, run) ? images : (step % stepsPerEpoch) * batchSize
}

/** Every number of a state, and what it may be in a run of that length. */
const numbers: {
  readonly [K in keyof Position]: (value: Position[K], position: Position, run: Run) => boolean
} = {
  step: (step, _, { steps }) => isCount(step, 0, steps),
  history: (history, { step }, { stepsPerEpoch }) =>
    Array.isArray(history) &&
    isCount(history.length, Math.ceil(step / stepsPerEpoch) - 1, Math.floor(step / stepsPerEpoch)) &&
    history.every(
      (record, epoch) =>
        record?.epoch === epoch &&
        record.step === (epoch + 1) * stepsPerEpoch &&
        [record.loss, record.accuracy, record.lr].every(Number.isFinite),
    ),
  best: (best, { history }, run) =>
    best === null || (isCandidateOf(best, run) && best.epoch <= history.length),
  imageCount: (count, position, run) => count === imagesOf(position, run),
  lossSum: sum => Number.isFinite(sum),
  correctSum: (sum, { imageCount }) => Number.isFinite(sum) && sum >= 0 && sum <= imageCount * (1 + 1e-6),
}

export async function encodeState(
  state: TrainingState,
  identity: string,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const tensors = new Map<string, StoredTensor>()
  for (const { name, tensor: t } of slots(state)) {
    if (t) tensors.set(name, { dtype: 'F32', shape: t.shape, data: await t.data() })
  }
  const position = Object.fromEntries(
    (Object.keys(numbers) as (keyof Position)[]).map(name => [name, state.position[name]]),
  )
  const data = new TextEncoder().encode(JSON.stringify(position))
  tensors.set('position', { dtype: 'U8', shape: [data.length], data })
  return encodeSealedInTurns({ metadata: { format, run: identity }, tensors })
}

/** A state that was read and proven, and not yet put to use. */
export interface StoredState {
  readonly position: Position
  /** Brings the state that it was read for to this one. */
  apply(): void
}

/**
 * @param state of the run that the file must belong to; it stays as it is
 * @param file named in errors
 * @throws TicketError for a file that is damaged, of an earlier version, or of another run
 */
export function decodeState(bytes: Uint8Array, file: string, state: TrainingState, run: Run): StoredState {
  const { metadata, tensors } = decodeSealed(bytes, file, cure)
  if (metadata.format !== format) {
    const earlier = /^rst-checkpoint\/\d+$/.test(metadata.format ?? '')
      ? ', of another version of rst-native'
      : ''
    throw new TicketError(
      `${file}: expected a file of format ${format} but its format is ${metadata.format}${earlier}; ${cure}.`,
      'format',
    )
  }
  if (metadata.run !== run.identity) {
    throw new TicketError(
      `${file}: the checkpoint belongs to another run, of other settings or other images; ${cure}.`,
      'run',
    )
  }
  const position = decodePosition(tensors.get('position'), file, run)
  const wanted = slots(state)
  const assignments = wanted.flatMap(({ name, shape, assign }) => {
    const stored = tensors.get(name)
    if (!shape && !stored) return []
    if (stored?.dtype !== 'F32' || (shape && stored.shape.join() !== shape.join())) {
      throw new TicketError(
        `${file}: expected the tensor ${name} as F32${shape ? ` [${shape.join(', ')}]` : ''} but found ${stored ? `${stored.dtype} [${stored.shape.join(', ')}]` : 'none'}: the checkpoint belongs to another run.`,
        name,
      )
    }
    return [() => assign(Float32Array.from(stored.data), stored.shape)]
  })
  const known = new Set(['position', ...wanted.map(({ name }) => name)])
  const unknown = [...tensors.keys()].find(name => !known.has(name))
  if (unknown !== undefined) {
    throw new TicketError(
      `${file}: this run has no tensor ${unknown}: the checkpoint belongs to another run.`,
      unknown,
    )
  }
  return {
    position,
    apply() {
      for (const assign of assignments) assign()
      Object.assign(state.position, position)
    },
  }
}

function decodePosition(stored: StoredTensor | undefined, file: string, run: Run): Position {
  const wrong = (what: string) =>
    new TicketError(`${file}: ${what}: the checkpoint belongs to another run.`, 'position')
  let position: Position
  try {
    position = parseJson(new TextDecoder().decode(stored?.data as Uint8Array)) as Position
  } catch {
    throw wrong('the position of the run is no JSON')
  }
  if (typeof position !== 'object' || position === null) throw wrong('the position of the run is no object')
  for (const [name, fits] of Object.entries(numbers)) {
    const value = position[name as keyof Position]
    if (value !== undefined && fits(value as never, position, run)) continue
    throw wrong(
      `${name} of the position is ${JSON.stringify(value)?.slice(0, 80)}, which is not of a run of ${run.steps} steps`,
    )
  }
  return position
}
