// The loop that FGSM, FGSM-RS and PGD share: steps along the loss gradient, projected into the threat model.
import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../../errors.ts'
import type { Classifier } from '../../nn/classifier.ts'
import { attackStep } from '../../tensor/ops/attack.ts'
import * as ops from '../../tensor/ops/index.ts'
import type { Repeated } from '../../tensor/repeated.ts'
import { scope } from '../../tensor/scope.ts'
import { grad, vjp } from '../../tensor/tape.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { answerOf } from './answer.ts'
import { reached } from './goal.ts'
import { lossFor, type UntargetedLoss } from './losses.ts'
import { row } from './oracle.ts'
import { type OwnStream, type StreamName, streamStep } from './streams.ts'
import type { ThreatModel } from './threat-model.ts'

export interface ProjectedGradient {
  /** What is maximised. */
  readonly loss: UntargetedLoss
  readonly threat: ThreatModel
  readonly stepSize: number
  readonly steps: number
  /** Start at a random point of the ball, drawn from this stream; null: at the image itself. */
  readonly randomStart: StreamName | OwnStream | null
  /** Move only the samples that are still classified right, in a targeted run not yet as their target. */
  readonly onlyCorrect: boolean
}

/** What one run of the loop works on, and the stream of its random start. */
export interface GradientBatch {
  /** [N, C, H, W] in [0, 1]. */
  readonly images: Tensor
  /** Numbers of the images, [N], which key their random starts. */
  readonly sampleIds: Tensor<'i32'>
  /** Keys the random starts too. */
  readonly seed: number
  /** Epoch or restart, which keys the random starts too. */
  readonly step: number
  /** Interrupts the loop, which then throws an AbortError. */
  readonly signal?: AbortSignal
}

export interface LabelledBatch extends GradientBatch {
  readonly labels: Tensor<'i32'>
  /** Of a targeted run: the class that each image is to be taken for, [N]. */
  readonly targets?: Tensor<'i32'>
  /** Told the logits [N·classes] at the point where the loop starts. */
  readonly onStart?: (logits: Float32Array<ArrayBuffer>) => void
}

/** Where a step goes. */
export interface Ascent {
  /** To the images, [N, C, H, W]. */
  readonly gradient: Tensor
  /** 1 for the samples that move, [N]. Default: all. */
  readonly active?: Tensor
}

/**
 * Maximises the loss; returns adversarial images that the caller owns.
 * @param repeated where the steps are recorded, for a model that can be
 * @throws AbortError, ShapeError
 */
export function projectedGradient(
  model: Classifier,
  batch: LabelledBatch,
  settings: ProjectedGradient,
  repeated: Repeated,
): Promise<Tensor> {
  let { onStart } = batch
  const stepFrom = settings.loss === 'ce' ? crossEntropyStep : hostStep
  return projectedSteps(
    async x => {
      const tell = onStart
      onStart = undefined
      const { next, logits } = await stepFrom(model, x, batch, settings, repeated, tell !== undefined)
      tell?.(logits!)
      return next
    },
    batch,
    settings,
  )
}

interface Step {
  readonly next: Tensor
  /** At the point that the step started from, where asked for. */
  readonly logits?: Float32Array<ArrayBuffer>
}

/** A step up the cross-entropy, or down that to the targets. */
async function crossEntropyStep(
  model: Classifier,
  x: Tensor,
  { images, labels, targets }: LabelledBatch,
  { threat, stepSize, onlyCorrect }: ProjectedGradient,
  repeated: Repeated,
  wantsLogits: boolean,
): Promise<Step> {
  type Inputs = [Tensor, Tensor, Tensor<'i32'>, ...Tensor<'i32'>[]]
  const step = (...[from, original, theirLabels, theirTargets]: Inputs) => {
    const { value, gradients } = grad(() => {
      const logits = answerOf(model, from)
      const values = ops.crossEntropy(logits, theirTargets ?? theirLabels)
      return {
        loss: theirTargets ? ops.scale(values, -1) : values,
        ...(onlyCorrect && { active: stillToMove(logits, theirLabels, theirTargets) }),
        ...(wantsLogits && { logits }),
      }
    }, [from])
    const { active, logits } = value as { active?: Tensor; logits?: Tensor }
    return { next: attackStep(from, original, gradients[0]!, threat, stepSize, active), logits }
  }
  const inputs: Inputs = targets ? [x, images, labels, targets] : [x, images, labels]
  const { recordingKey } = model
  const made =
    recordingKey === undefined
      ? scope(() => step(...inputs))
      : repeated.run({ owner: model, kind: `${recordingKey} ${wantsLogits}` }, step, inputs)
  if (!made.logits) return { next: made.next }
  using logits = made.logits
  return { next: made.next, logits: await logits.data() }
}

/** 1 for the samples that are classified right, in a targeted run otherwise than as their target, [N]. */
function stillToMove(logits: Tensor, labels: Tensor<'i32'>, targets?: Tensor<'i32'>): Tensor {
  if (!targets) return ops.correct(logits, labels)
  const hit = ops.correct(logits, targets)
  return ops.sub(ops.full(hit.shape, 1, hit.device), hit)
}

/** A step up a loss that is computed in host memory, from the logits. */
async function hostStep(
  model: Classifier,
  x: Tensor,
  { images, labels, targets }: LabelledBatch,
  { threat, stepSize, loss, onlyCorrect }: ProjectedGradient,
): Promise<Step> {
  const { value, pull, dispose } = vjp(() => answerOf(model, x), [x])
  try {
    const [logits, theirLabels, theirTargets] = [
      await value.data(),
      await labels.data(),
      await targets?.data(),
    ]
    const goal = { labels: theirLabels, targets: theirTargets }
    const lossOf = lossFor(loss, theirTargets !== undefined)
    const classes = model.numClasses
    const cotangents = new Float32Array(logits.length)
    const cotangent = new Float64Array(classes)
    const moves = new Float32Array(theirLabels.length)
    for (const [n, label] of theirLabels.entries()) {
      const own = row(logits, n, classes)
      lossOf(own, label, cotangent.fill(0), theirTargets?.[n] ?? -1)
      cotangents.set(cotangent, n * classes)
      moves[n] = reached(goal, n, own) ? 0 : 1
    }
    const { device } = x
    const next = scope(() => {
      const gradient = pull(tensor(cotangents, value.shape, { device }))[0]!
      const active = onlyCorrect ? tensor(moves, [moves.length], { device }) : undefined
      return attackStep(x, images, gradient, threat, stepSize, active)
    })
    return { next, logits }
  } finally {
    dispose()
  }
}

/**
 * Steps along the gradient of whatever loss `gradientAt` differentiates; it hands over the tensors it returns. Returns
 * images that the caller owns.
 * @throws AbortError
 */
export function projectedAscent(
  gradientAt: (x: Tensor) => Ascent | Promise<Ascent>,
  batch: GradientBatch,
  settings: Omit<ProjectedGradient, 'loss' | 'onlyCorrect'>,
): Promise<Tensor> {
  const { threat, stepSize } = settings
  return projectedSteps(
    async x => {
      const { gradient, active } = await gradientAt(x)
      const next = attackStep(x, batch.images, gradient, threat, stepSize, active)
      gradient.dispose()
      active?.dispose()
      return next
    },
    batch,
    settings,
  )
}

async function projectedSteps(
  stepFrom: (x: Tensor) => Promise<Tensor>,
  { images, sampleIds, seed, step, signal }: GradientBatch,
  { threat, steps, randomStart }: Pick<ProjectedGradient, 'threat' | 'steps' | 'randomStart'>,
): Promise<Tensor> {
  let x = randomStart
    ? ops.randomStart(images, sampleIds, threat, { seed, step: streamStep(randomStart, step) })
    : ops.copy(images)
  for (let i = 0; i < steps; i++) {
    using previous = x
    if (signal?.aborted) throw new AbortError('The attack was interrupted.', { cause: signal.reason })
    x = await stepFrom(previous)
    // The device has work queued; the event loop gets its turn.
    await setImmediate()
  }
  return x
}
