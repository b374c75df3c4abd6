// One run of Auto-PGD on an objective: Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of
// Diverse Parameter-free Attacks" (ICML 2020), section 3 and Algorithm 1. The schedule is that of the reference code.
import type { Draws } from '../../random/draws.ts'
import type { HostBatch } from './host-batch.ts'
import type { Objective } from './objective.ts'
import { row, rows } from './oracle.ts'
import { projectL2 } from './project.ts'
import { drawsOf, type StreamName } from './streams.ts'
import type { ThreatModel } from './threat-model.ts'
import type { Tries } from './tries.ts'

/** Share of the new step in the next iterate; the rest is the step before (the paper's α). */
const newStepShare = 0.75
/** The step size is halved unless more than this share of a window's steps raise the loss (the paper's ρ). */
const raisingShare = 0.75

/**
 * Iterations, counted from 1, after which the step size may be halved. Windows are whole iterations, as in the reference
 * code: the first ⌊0.22·steps⌋, each next one shorter by ⌊0.03·steps⌋ down to ⌊0.06·steps⌋, all at least 1. The
 * paper's own formula gives the same for 100 steps.
 */
export function apgdCheckpoints(steps: number): number[] {
  const share = (of: number) => Math.max(Math.floor(of * steps), 1)
  const checkpoints: number[] = []
  let window = share(0.22)
  for (let at = window; at <= steps; at += window) {
    checkpoints.push(at)
    window = Math.max(window - share(0.03), share(0.06))
  }
  return checkpoints
}

export interface ApgdRun {
  readonly objective: Objective
  readonly threat: ThreatModel
  readonly steps: number
  readonly batch: Omit<HostBatch, 'labels' | 'targets'>
  /** Images of the batch to attack, at least one. */
  readonly images: readonly number[]
  readonly start: 'random' | 'clean'
  /** Algorithm and number of the run, which key its random starts. */
  readonly stream: StreamName
  readonly run: number
  /** Whether an image is finished once it fools the model; otherwise its loss is raised to the end. */
  readonly untilFooled: boolean
}

/**
 * Offers every point it tries to `tries`, so that no success is lost where the loss is larger elsewhere.
 *
 * Costs steps + 1 forward and steps backward passes of an image that is never fooled; the reference code also
 * differentiates the last iterate, whose gradient it does not use.
 *
 * The first window compares the first loss with that of the start, as the paper has it. The reference code compares it
 * with a zero, which counts as a rise for every positive loss and as none for every negative one.
 */
export async function apgdAscent(
  { objective, threat, steps, batch, images, start, stream, run, untilFooled }: ApgdRun,
  tries: Tries,
): Promise<void> {
  const count = images.length
  const imageSize = batch.images.length / batch.count
  const originals = rows(batch.images, images, imageSize)
  const starts =
    start === 'clean'
      ? originals
      : randomStarts(originals, imageSize, threat, i => drawsOf(stream, run, batch, images[i]))
  const x = new Float32Array(starts)
  const previous = new Float32Array(starts)
  const best = new Float32Array(starts)
  const gradient = new Float32Array(starts.length)
  const bestGradient = new Float32Array(starts.length)
  const loss = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  const bestLossAtCheck = new Float64Array(count)
  const stepSize = new Float64Array(count).fill(2 * threat.eps)
  const rises = new Int32Array(count)
  // The reference code's start value: the first checkpoint halves only where the loss oscillates.
  const halvedAtCheck = new Uint8Array(count).fill(1)
  const scratch = new Float64Array(imageSize)
  let active = Array.from(images, (_, i) => i)

  /** Judges the iterates of all active images; those that are finished leave. */
  const judge = async (differentiate: boolean) => {
    const points = rows(x, active, imageSize)
    const theirs = active.map(i => images[i])
    const judged = differentiate
      ? await objective.differentiate(points, theirs)
      : { ...(await objective.evaluate(points, theirs)), gradient: null }
    for (const [n, i] of active.entries()) {
      const value = judged.losses[n]
      const at = i * imageSize
      if (judged.gradient) gradient.set(row(judged.gradient, n, imageSize), at)
      tries.offer(images[i], row(points, n, imageSize), value, judged.fooled[n])
      if (value > loss[i]) rises[i]++
      loss[i] = value
      if (value > bestLoss[i]) {
        bestLoss[i] = value
        best.set(row(x, i, imageSize), at)
        bestGradient.set(row(gradient, i, imageSize), at)
      }
    }
    if (untilFooled) active = active.filter((_, n) => judged.fooled[n] < 1)
  }

  await judge(true)
  bestLossAtCheck.set(bestLoss)
  const checkpoints = new Set(apgdCheckpoints(steps))
  let lastCheckpoint = 0
  for (let iteration = 1; iteration <= steps && active.length > 0; iteration++) {
    const share = iteration === 1 ? 1 : newStepShare
    for (const i of active) {
      const views = [x, previous, gradient, originals].map(of => row(of as Float32Array, i, imageSize))
      const [current, before, uphill, original] = views
      if (threat.norm === 'linf') stepLinf(current, before, uphill, original, stepSize[i], share, threat)
      else stepL2(current, before, uphill, original, stepSize[i], share, threat, scratch)
    }
    await judge(iteration < steps)
    if (!checkpoints.has(iteration)) continue
    const window = iteration - lastCheckpoint
    lastCheckpoint = iteration
    for (const i of active) {
      const oscillates = rises[i] <= raisingShare * window
      const stands = halvedAtCheck[i] === 0 && bestLossAtCheck[i] >= bestLoss[i]
      halvedAtCheck[i] = oscillates || stands ? 1 : 0
      bestLossAtCheck[i] = bestLoss[i]
      rises[i] = 0
      if (halvedAtCheck[i] === 0) continue
      stepSize[i] /= 2
      x.set(row(best, i, imageSize), i * imageSize)
      gradient.set(row(bestGradient, i, imageSize), i * imageSize)
    }
  }
}

/**
 * Random points of the ball around images, clipped to the box. L∞: a uniform draw stretched until one pixel is ±eps; L2: a
 * normal draw of length eps.
 * @param images [n·C·H·W]
 * @param drawsOf the draws of row i
 */
function randomStarts(
  images: Float32Array,
  imageSize: number,
  { norm, eps, low, high }: ThreatModel,
  drawsOf: (i: number) => Draws,
): Float32Array<ArrayBuffer> {
  const starts = new Float32Array(images.length)
  const direction = new Float64Array(imageSize)
  for (let from = 0; from < images.length; from += imageSize) {
    const draws = drawsOf(from / imageSize)
    let length = 0
    for (let j = 0; j < imageSize; j++) {
      const d = norm === 'linf' ? 2 * draws.uniform() - 1 : draws.normal()
      length = norm === 'linf' ? Math.max(length, Math.abs(d)) : length + d * d
      direction[j] = d
    }
    const scale = eps / (norm === 'linf' ? length : Math.sqrt(length))
    for (let j = 0; j < imageSize; j++) {
      starts[from + j] = Math.min(high, Math.max(low, images[from + j] + scale * direction[j]))
    }
  }
  return starts
}

/** z = P(x + η·sign g), x ← P(x + a·(z − x) + (1 − a)·(x − previous)); a gradient that is no number does not move. */
function stepLinf(
  x: Float32Array,
  previous: Float32Array,
  gradient: Float32Array,
  original: Float32Array,
  stepSize: number,
  share: number,
  { eps, low, high }: ThreatModel,
): void {
  for (let j = 0; j < x.length; j++) {
    const lowest = Math.max(low, original[j] - eps)
    const highest = Math.min(high, original[j] + eps)
    const at = x[j]
    const sign = gradient[j] > 0 ? 1 : gradient[j] < 0 ? -1 : 0
    const z = Math.min(highest, Math.max(lowest, at + stepSize * sign))
    const next = at + share * (z - at) + (1 - share) * (at - previous[j])
    previous[j] = at
    x[j] = Math.min(highest, Math.max(lowest, next))
  }
}

/** The same with η·g/(‖g‖ + 1e-12). */
function stepL2(
  x: Float32Array,
  previous: Float32Array,
  gradient: Float32Array,
  original: Float32Array,
  stepSize: number,
  share: number,
  threat: ThreatModel,
  scratch: Float64Array,
): void {
  let squares = 0
  for (let j = 0; j < x.length; j++) squares += gradient[j] * gradient[j]
  const moves = Number.isFinite(squares)
  const scale = stepSize / (Math.sqrt(squares) + 1e-12)
  for (let j = 0; j < x.length; j++) scratch[j] = moves ? x[j] + scale * gradient[j] : x[j]
  projectL2(scratch, original, threat)
  for (let j = 0; j < x.length; j++) {
    const at = x[j]
    scratch[j] = at + share * (scratch[j] - at) + (1 - share) * (at - previous[j])
    previous[j] = at
  }
  projectL2(scratch, original, threat)
  x.set(scratch)
}
