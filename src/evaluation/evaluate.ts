// Accuracy of a model, natural and under attack, where each adversarial image is verified before it counts.
import { performance } from 'node:perf_hooks'
import {
  type Attack,
  type AttackSettings,
  type PartReport,
  type Passes,
  passesOf,
  type Warning,
} from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import { type Journal, within } from '../attacks/journal.ts'
import { type Norm, threatModel } from '../attacks/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { AbortError, ConfigError } from '../errors.ts'
import { version } from '../version.ts'
import { chooseBatchSize } from './batch-size.ts'
import { EvaluationMeter, type EvaluationProgress } from './meter.ts'
import { logitsOf, rightOf } from './predictions.ts'
import { EvaluationState, fingerprint } from './state.ts'
import { numbers, TestImages } from './test-images.ts'
import { verify } from './verification.ts'

export interface EvaluateOptions {
  /** Default: none, only natural accuracy. */
  attacks?: readonly Attack[]
  /** Evaluate a subset of this many images, chosen by seed. Default: all. */
  limit?: number
  /** Seeds the subset and the attacks. Default 0. */
  seed?: number
  /**
   * Images at once; it changes nothing but speed and memory. Default: up to 256, as many as fit in half of the free
   * memory.
   */
  batchSize?: number
  /** Where finished batches are kept until the evaluation is complete, so that an interrupted one can be resumed. */
  runDir?: string
  /** Continue the interrupted evaluation in `runDir`, to the same result. Default false. */
  resume?: boolean
  signal?: AbortSignal
  onProgress?: (progress: EvaluationProgress) => void
  /**
   * Awaited before the finished batches in `runDir` are deleted, to write results down: if it throws, the evaluation can
   * still be resumed.
   */
  onComplete?: (evaluation: Evaluation) => Promise<void>
}

export interface AttackReport extends Passes {
  readonly name: string
  readonly eps: number
  readonly norm: Norm
  readonly settings: AttackSettings
  /** Share of all images classified right naturally and under attack. */
  readonly robustAccuracy: number
  /** The same on the adversarial images rounded to 8 bits, as an image file would hold them. */
  readonly roundedAccuracy: number
  /**
   * Images that failed the independent check: outside ball or box, or claimed to fool the model, which then answered
   * right. They count as robust. More than 0 is a fault of the attack, or of a model that does not always answer the
   * same.
   */
  readonly failedChecks: number
  /** Largest norm of a perturbation, in the attack's norm. */
  readonly largestNorm: number
  /**
   * For each image of the evaluation the attack that broke it (of AutoAttack that of its series), 'clean' if the model
   * is wrong naturally, null if it is robust.
   */
  readonly brokenBy: readonly (string | null)[]
  /** Of attacks that run others in series, what each of these did. */
  readonly parts?: readonly PartReport[]
  readonly seconds: number
  readonly warnings: readonly Warning[]
}

export interface Evaluation {
  readonly images: number
  readonly naturalAccuracy: number
  /** Share of images that withstand every attack. */
  readonly worstCaseAccuracy: number
  /** Number of each image in its data set, and its label, [images]. */
  readonly ids: Int32Array
  readonly labels: Int32Array
  readonly attacks: readonly AttackReport[]
  readonly seconds: number
}

/** Most values of the images that an attack is given at once: 2^26 are 256 MiB, all of CIFAR's test images. */
const chunkValues = 2 ** 26

/**
 * Images that the model gets wrong naturally count as not robust and are not attacked.
 * @param model in eval mode, as tickets and dense models are
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 */
export async function evaluate(
  model: Classifier,
  split: Split,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { attacks = [], limit, seed = 0, runDir, resume = false, signal, onProgress } = options
  const started = performance.now()
  if (resume && runDir === undefined) {
    throw new ConfigError('resume needs the runDir of the evaluation to continue.', 'runDir')
  }
  const images = await TestImages.open(model, split, limit, seed)
  const { size, labels, ids } = images
  const former = resume ? await EvaluationState.batchSize(runDir!) : undefined
  const batchSize = await chooseBatchSize(model, options.batchSize ?? former)
  const workOf = (attack: Attack, count: number) => {
    const { forwards, backwards } = passesOf(attack, model.numClasses)
    return (forwards + backwards) * count
  }
  const phases = (count: number) => [
    { name: 'natural', work: size },
    ...attacks.map(attack => ({ name: attack.name, work: workOf(attack, count) })),
  ]
  const meter = new EvaluationMeter(phases(size), onProgress)

  const right = new Uint8Array(size)
  const answers: Float32Array[] = []
  for (const batch of images.batches(batchSize)) {
    checkAborted(signal)
    const from = batch[0]
    const to = from + batch.length
    const logits = await logitsOf(model, images.pixels(batch))
    right.set(rightOf(logits, labels.subarray(from, to), model.numClasses), from)
    answers.push(logits)
    meter.report(0, to, size)
  }
  const standing = numbers(size).filter(n => right[n] === 1)
  meter.plan(phases(standing.length))
  const config = () => ({
    version,
    seed,
    images: size,
    batchSize,
    data: fingerprint(images.bytes, labels, ids),
    model: fingerprint(...answers),
    attacks: attacks.map(({ name, eps, norm, settings }) => ({ name, norm, eps, ...settings })),
  })
  const state = runDir === undefined ? undefined : await EvaluationState.open(runDir, config(), resume)

  const reports: AttackReport[] = []
  for (const [a, attack] of attacks.entries()) {
    reports.push(
      await attackAll(model, attack, images, standing, {
        batchSize,
        seed,
        signal,
        journal: within(state, `${a}-${attack.name}`),
        onImages: done => meter.report(a + 1, done, standing.length),
      }),
    )
  }
  const withstands = (n: number) => right[n] === 1 && reports.every(({ brokenBy }) => brokenBy[n] === null)
  const evaluation: Evaluation = {
    images: size,
    naturalAccuracy: standing.length / size,
    worstCaseAccuracy: standing.filter(withstands).length / size,
    ids,
    labels,
    attacks: reports,
    seconds: (performance.now() - started) / 1000,
  }
  await options.onComplete?.(evaluation)
  await state?.remove()
  return evaluation
}

interface AttackAllOptions {
  readonly batchSize: number
  readonly seed: number
  readonly signal: AbortSignal | undefined
  readonly journal: Journal | undefined
  readonly onImages: (done: number) => void
}

/** Attacks the images `standing`, and verifies what comes back. */
async function attackAll(
  model: Classifier,
  attack: Attack,
  images: TestImages,
  standing: readonly number[],
  { batchSize, seed, signal, journal, onImages }: AttackAllOptions,
): Promise<AttackReport> {
  const started = performance.now()
  const { name, eps, norm, settings = { eps, norm } } = attack
  const threat = threatModel({ eps, norm, anyDistance: true })
  const brokenBy = Array.from<unknown, string | null>({ length: images.size }, () => 'clean')
  const totals = { right: 0, outside: 0, unconfirmed: 0, forwards: 0, backwards: 0, largestNorm: 0 }
  const parts: PartReport[] = []
  const warnings = new Map<string, Warning>()
  const warn = (warning: Warning) => warnings.set(warning.code, warning)
  const batches = Math.floor(chunkValues / (images.imageSize * batchSize))
  const chunk = Math.max(1, batches) * batchSize
  let from = 0
  for (const chosen of images.batches(chunk, standing)) {
    checkAborted(signal)
    const chunkStart = from
    const natural = images.pixels(chosen)
    const labels = chosen.map(n => images.labels[n])
    const result = await attack.run(model, natural, labels, {
      seed,
      batchSize,
      sampleIds: chosen.map(n => images.ids[n]),
      signal,
      journal: within(journal, String(from)),
      onProgress: ({ images: done }) => onImages(chunkStart + done),
    })
    checkAborted(signal)
    const verdict = await verify(model, { ...result, natural, labels }, threat, batchSize)
    for (const [i, n] of chosen.entries()) {
      brokenBy[n] = verdict.fooled[i] === 1 ? (result.brokenBy?.[i] ?? name) : null
      totals.right += verdict.rightRounded[i]
    }
    totals.outside += verdict.outside
    totals.unconfirmed += verdict.unconfirmed
    totals.largestNorm = Math.max(totals.largestNorm, verdict.largestNorm)
    totals.forwards += result.forwards
    totals.backwards += result.backwards
    for (const [p, part] of (result.parts ?? []).entries()) parts[p] = added(part, parts[p])
    for (const warning of result.warnings) warn(warning)
    from += chosen.length
    onImages(from)
  }
  const { right, outside, unconfirmed, forwards, backwards, largestNorm } = totals
  if (outside > 0) {
    warn({
      code: 'outside-threat-model',
      message: `${outside} images of ${name} left the ${norm} ball of ${eps} or the box and were counted as robust; the attack has a fault.`,
    })
  }
  if (model.randomized) {
    warn({
      code: 'single-draws',
      message:
        'The model answers at random, and single answers decided here: the accuracies are those of one draw. evaluateR2S (rst r2s) computes the expectation.',
    })
  } else if (unconfirmed > 0) {
    warn({
      code: 'unconfirmed',
      message: `${unconfirmed} images of ${name} were claimed to fool the model, which classified them right when asked again; they were counted as robust. Does its answer depend on the batch, or change from pass to pass?`,
    })
  }
  const unusual = unusualEps(eps, norm)
  if (unusual) warn(unusual)
  return {
    name,
    eps,
    norm,
    settings,
    robustAccuracy: brokenBy.filter(by => by === null).length / images.size,
    roundedAccuracy: right / images.size,
    failedChecks: outside + unconfirmed,
    largestNorm,
    brokenBy,
    ...(parts.length > 0 && { parts }),
    forwards,
    backwards,
    seconds: (performance.now() - started) / 1000,
    warnings: [...warnings.values()],
  }
}

function added(part: PartReport, before?: PartReport): PartReport {
  if (!before) return part
  const sum = (key: Exclude<keyof PartReport, 'name'>) => part[key] + before[key]
  return {
    name: part.name,
    attacked: sum('attacked'),
    broken: sum('broken'),
    forwards: sum('forwards'),
    backwards: sum('backwards'),
    seconds: sum('seconds'),
  }
}

/** An L∞ radius near a whole number of pixel levels, but not it: 0.031 for 8/255 makes accuracies that do not compare. */
function unusualEps(eps: number, norm: Norm): Warning | null {
  const levels = Math.round(eps * 255)
  const apart = Math.abs(eps * 255 - levels)
  if (norm !== 'linf' || levels === 0 || apart < 1e-4 || apart > 0.015 * levels || levels > 16) return null
  return {
    code: 'unusual-eps',
    message: `eps is ${eps}, which is nearly ${levels}/255: did you mean that? Accuracies under other radii do not compare.`,
  }
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError('The evaluation was interrupted.', { cause: signal.reason })
}
