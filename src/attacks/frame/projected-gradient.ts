// The loop that FGSM, FGSM-RS and PGD share: steps along the loss gradient, projected into the threat model.
import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../../errors.ts'
import type { Classifier } from '../../nn/classifier.ts'
import { attackStep } from '../../tensor/ops/attack.ts'
import * as ops from '../../tensor/ops/index.ts'
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
  readonly images: Tensor
  readonly sampleIds: Tensor<'i32'>
  readonly seed: number
  /** Epoch or restart. */
  readonly step: number
  readonly signal?: AbortSignal
}

export interface LabelledBatch extends GradientBatch {
  readonly labels: Tensor<'i32'>
  /** Of a targeted run: the class that each image is to be taken for, [N]. */
  readonly targets?: Tensor<'i32'>
  /** Told the logits [N·classes] at the point where the loop starts. */
  readonly onStart?: (logits: Float32Array<ArrayBuffer>) => void
}

/**
 * Where a step goes: the gradient [N, C, H, W], and, where given, 1 for the samples that move [N], and the logits at the
 * point.
 */
export interface Ascent {
  readonly gradient: Tensor
  readonly active?: Tensor
  readonly logits?: Float32Array<ArrayBuffer>
}

/**
 * Maximises the loss; returns adversarial images that the caller owns.
 * @throws AbortError, ShapeError
 */
export function projectedGradient(
  model: Classifier,
  batch: LabelledBatch,
  settings: ProjectedGradient,
): Promise<Tensor> {
  let { onStart } = batch
  const ascentAt = settings.loss === 'ce' ? crossEntropyAscent : hostAscent
  return projectedAscent(
    async x => {
      const { logits, ...ascent } = await ascentAt(model, x, batch, settings, onStart !== undefined)
      onStart?.(logits!)
      onStart = undefined
      return ascent
    },
    batch,
    settings,
  )
}

/** The ascent of the cross-entropy, or of minus that to the targets. */
async function crossEntropyAscent(
  model: Classifier,
  x: Tensor,
  { labels, targets }: LabelledBatch,
  { onlyCorrect }: ProjectedGradient,
  wantsLogits: boolean,
): Promise<Ascent> {
  const made = scope(() => {
    const { value, gradients } = grad(() => {
      const logits = answerOf(model, x)
      const values = ops.crossEntropy(logits, targets ?? labels)
      return {
        loss: targets ? ops.scale(values, -1) : values,
        ...(onlyCorrect && { active: stillToMove(logits, labels, targets) }),
        ...(wantsLogits && { logits }),
      }
    }, [x])
    const { active, logits } = value as { active?: Tensor; logits?: Tensor }
    return { gradient: gradients[0]!, active, logits }
  })
  if (!made.logits) return { gradient: made.gradient, active: made.active }
  using logits = made.logits
  return { gradient: made.gradient, active: made.active, logits: await logits.data() }
}

/** 1 for the samples that are classified right, in a targeted run otherwise than as their target, [N]. */
function stillToMove(logits: Tensor, labels: Tensor<'i32'>, targets?: Tensor<'i32'>): Tensor {
  if (!targets) return ops.correct(logits, labels)
  const hit = ops.correct(logits, targets)
  return ops.sub(ops.full(hit.shape, 1, hit.device), hit)
}

/** The ascent of a loss that is computed in host memory, from the logits. */
async function hostAscent(
  model: Classifier,
  x: Tensor,
  { labels, targets }: LabelledBatch,
  { loss, onlyCorrect }: ProjectedGradient,
): Promise<Ascent> {
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
    const made = scope(() => ({
      gradient: pull(tensor(cotangents, value.shape, { device }))[0]!,
      active: onlyCorrect ? tensor(moves, [moves.length], { device }) : undefined,
    }))
    return { ...made, logits }
  } finally {
    dispose()
  }
}

/**
 * Steps along the gradient of whatever loss `gradientAt` differentiates; it hands over the tensors it returns. Returns
 * images that the caller owns.
 * @throws AbortError
 */
export async function projectedAscent(
  gradientAt: (x: Tensor) => Ascent | Promise<Ascent>,
  { images, sampleIds, seed, step, signal }: GradientBatch,
  { threat, stepSize, steps, randomStart }: Omit<ProjectedGradient, 'loss' | 'onlyCorrect'>,
): Promise<Tensor> {
  let x = randomStart
    ? ops.randomStart(images, sampleIds, threat, { seed, step: streamStep(randomStart, step) })
    : ops.copy(images)
  for (let i = 0; i < steps; i++) {
    using previous = x
    if (signal?.aborted) throw new AbortError('The attack was interrupted.', { cause: signal.reason })
    const { gradient, active } = await gradientAt(previous)
    x = attackStep(previous, images, gradient, threat, stepSize, active)
    gradient.dispose()
    active?.dispose()
    // The device has work queued; the event loop gets its turn.
    await setImmediate()
  }
  return x
}
