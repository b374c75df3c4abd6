// The L2 attack of Carlini & Wagner, "Towards Evaluating the Robustness of Neural Networks" (S&P 2017), Section VI-A,
// with the constants of their code (nn_robust_attacks).
import { count, number } from '../inputs/kinds.ts'
import { type OptionsOf, option } from '../inputs/rows.ts'
import type { Attack } from './frame/attack.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { reached } from './frame/goal.ts'
import { hostAttack } from './frame/host-attack.ts'
import type { HostBatch } from './frame/host-batch.ts'
import { cwLoss, cwTowards } from './frame/losses.ts'
import { type Oracle, row } from './frame/oracle.ts'
import { anyEpsRow, distance, threatModel } from './frame/threat-model.ts'

export const cwL2Rows = {
  eps: anyEpsRow,
  searchSteps: option(count(), 9, 'steps of the search for the trade-off constant c', {
    more: 'From 10 on, the last one tries its upper bound.',
  }),
  iterations: option(count(), 10_000, 'steps of Adam for each constant, at most', { flag: 'steps' }),
  learningRate: option(number(0, undefined, { above: true }), 0.01, 'step size of Adam'),
  initialConst: option(number(0, undefined, { above: true }), 1e-3, 'the first c'),
  confidence: option(
    number(0),
    0,
    "by how much a logit must exceed the label's (the target's all others) to count as fooled",
  ),
}
/** Options of `attacks.cwL2`. */
export type CwL2Options = OptionsOf<typeof cwL2Rows>

/** Images are shrunk by this towards grey before arctanh, which has no value at black and white. */
const insideBox = 0.999999
/** No upper bound known. */
const unbounded = 1e10
/** Adam, as in TensorFlow: Kingma & Ba, "Adam" (ICLR 2015). */
const beta1 = 0.9
const beta2 = 0.999
const adamEpsilon = 1e-8

interface Search {
  readonly iterations: number
  readonly learningRate: number
  readonly confidence: number
}

/** What is known of each image of a batch. */
interface SearchState {
  /** The trade-off constant to try, and its bounds. */
  readonly c: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
  /** The nearest adversarial image found, and its distance. */
  readonly nearest: Float32Array<ArrayBuffer>
  readonly distances: Float64Array
}

/**
 * The L2 attack of Carlini & Wagner (S&P 2017, section VI-A), with the constants of their code.
 *
 * Minimises ‖x' − x‖₂² + c·max(z_y − max_{j≠y} z_j + confidence, 0), in a targeted run ‖x' − x‖₂² + c·max(max_{j≠t}
 * z_j − z_t + confidence, 0), over w, x' = (tanh(w) + 1)/2, by Adam, for several c: ten times larger until the model
 * is fooled, then halving the interval between failure and success. `distances` of the result are those of the
 * nearest images found, of any size, and bestLoss is their negative.
 *
 * Everything is decided image by image; in the reference the whole batch stops early together, and distances are
 * measured from the shrunken image. An image has at most searchSteps·iterations forward and backward passes, and one
 * forward before and one after.
 * @throws ConfigError
 * @example
 * import { attacks, datasets, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const images = Float32Array.from(test.images.subarray(0, 2 * 3072), pixel => pixel / 255)
 * const cw = attacks.cwL2({ eps: 0.5, searchSteps: 3, iterations: 100 })
 * const { distances } = await cw.run(ticket, images, test.labels.subarray(0, 2))
 * console.log(distances?.length) // → 2
 */
export const cwL2: AttackFactory<CwL2Options, Attack> = attackFactory(
  { name: 'cwL2', title: 'CW-L2', paper: 'Carlini & Wagner, S&P 2017', options: cwL2Rows, norm: 'l2' },
  ({ eps, searchSteps, iterations, learningRate, initialConst, confidence }) => {
    const search: Search = { iterations, learningRate, confidence }
    return hostAttack({
      name: 'cw-l2',
      threat: threatModel({ eps, norm: 'l2', anyDistance: true }),
      settings: { searchSteps, iterations, learningRate, initialConst, confidence },
      passes: () => ({ forwards: 2 + searchSteps * iterations, backwards: searchSteps * iterations }),
      async attackBatch(oracle, batch, natural) {
        const { imageSize, classes } = oracle
        const { count, images, labels } = batch
        const active = [...labels.keys()].filter(n => !reached(batch, n, row(natural, n, classes)))
        const state: SearchState = {
          c: new Float64Array(count).fill(initialConst),
          lower: new Float64Array(count),
          upper: new Float64Array(count).fill(unbounded),
          nearest: new Float32Array(images),
          distances: new Float64Array(count),
        }
        for (const n of active) state.distances[n] = Number.POSITIVE_INFINITY
        for (let step = 0; step < searchSteps; step++) {
          if (searchSteps >= 10 && step === searchSteps - 1) state.c.set(state.upper)
          const fooled = await minimise(oracle, batch, active, state, search)
          for (const n of active) nextConst(state, n, fooled[n] === 1)
        }
        const { nearest, distances } = state
        for (let n = 0; n < count; n++) {
          if (!(distances[n] <= eps)) nearest.set(row(images, n, imageSize), n * imageSize)
        }
        return { adversarial: nearest, bestLoss: distances.map(d => 0 - d), distances }
      },
    })
  },
)

function nextConst({ c, lower, upper }: SearchState, n: number, fooled: boolean): void {
  if (fooled) upper[n] = Math.min(upper[n], c[n])
  else lower[n] = Math.max(lower[n], c[n])
  if (upper[n] < unbounded) c[n] = (lower[n] + upper[n]) / 2
  else c[n] *= 10
}

/**
 * One run of Adam from each image; an image leaves when its loss has hardly fallen over a tenth of the iterations.
 * @returns 1 where some point fooled the model, [count]
 */
async function minimise(
  oracle: Oracle,
  batch: HostBatch,
  attacked: readonly number[],
  { c, nearest, distances }: SearchState,
  { iterations, learningRate, confidence }: Search,
): Promise<Uint8Array> {
  const { imageSize, classes } = oracle
  const { count, images, labels, targets } = batch
  const margin = targets ? cwTowards(confidence) : cwLoss(confidence)
  const checkEvery = Math.max(1, Math.floor(iterations / 10))
  const fooled = new Uint8Array(count)
  const previousLoss = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const w = images.map(pixel => Math.atanh(insideBox * (2 * pixel - 1)))
  const mean = new Float32Array(images.length)
  const variance = new Float32Array(images.length)
  let active = attacked
  for (let t = 1; t <= iterations && active.length > 0; t++) {
    const x = new Float32Array(active.length * imageSize)
    const slope = new Float32Array(active.length * imageSize)
    for (const [i, n] of active.entries()) {
      toPixels(row(w, n, imageSize), row(x, i, imageSize), row(slope, i, imageSize))
    }
    const hinge = new Float64Array(active.length)
    const { logits, gradient } = await oracle.differentiate(x, (i, z, cotangent) => {
      const n = active[i]
      hinge[i] = -margin(z, labels[n], cotangent, targets?.[n] ?? -1)
    })
    const rate = (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t)
    const stay: number[] = []
    for (const [i, n] of active.entries()) {
      const point = row(x, i, imageSize)
      const original = row(images, n, imageSize)
      const length = distance(original, point, 'l2')
      if (isFooled(batch, n, row(logits, i, classes), confidence)) {
        fooled[n] = 1
        if (length < distances[n]) {
          distances[n] = length
          nearest.set(point, n * imageSize)
        }
      }
      if ((t - 1) % checkEvery === 0) {
        const loss = length * length + c[n] * hinge[i]
        if (loss > 0.9999 * previousLoss[n]) continue
        previousLoss[n] = loss
      }
      stay.push(n)
      const from = i * imageSize
      const at = n * imageSize
      for (let j = 0; j < imageSize; j++) {
        // The gradient is that of the negative hinge.
        const dx = 2 * (point[j] - original[j]) - c[n] * gradient[from + j]
        const dw = dx * slope[from + j]
        mean[at + j] = beta1 * mean[at + j] + (1 - beta1) * dw
        variance[at + j] = beta2 * variance[at + j] + (1 - beta2) * dw * dw
        w[at + j] -= (rate * mean[at + j]) / (Math.sqrt(variance[at + j]) + adamEpsilon)
      }
    }
    active = stay
  }
  return fooled
}

/** x = (tanh(w) + 1)/2, and its derivative. */
function toPixels(w: Float32Array, x: Float32Array, slope: Float32Array): void {
  for (let i = 0; i < w.length; i++) {
    const t = Math.tanh(w[i])
    x[i] = (t + 1) / 2
    slope[i] = (1 - t * t) / 2
  }
}

/**
 * Whether another class wins although the label's logit is raised by the confidence, or the target although its own is
 * lowered.
 */
function isFooled(batch: HostBatch, n: number, logits: Float32Array, confidence: number): boolean {
  const changed = new Float32Array(logits)
  if (batch.targets) changed[batch.targets[n]] -= confidence
  else changed[batch.labels[n]] += confidence
  return reached(batch, n, changed)
}
