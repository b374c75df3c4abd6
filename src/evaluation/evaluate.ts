// Accuracy of a model, natural and under attack, where each adversarial image is verified before it counts.
import { performance } from 'node:perf_hooks'
import { type Attack, type AttackSettings, type PartReport, passesOf } from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { callback } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { type Classifier, checkClassifier } from '../nn/classifier.ts'
import { EvaluationMeter } from './meter.ts'
import type { Provenance } from './provenance.ts'
import { alone } from './run-lock.ts'
import { type RunnableAttack, Runner, type RunOptions, runRows } from './runner.ts'
import { type DistanceSummary, type Interval, summariseDistances, wilsonInterval } from './statistics.ts'
import { attacksKind } from './subjects.ts'
import { type Effort, Tally } from './tally.ts'

/** What is attacked, by what, and how often. */
export interface EvaluateOptions extends RunOptions {
  /** Each attacks the images that the model gets right. Default: none, only natural accuracy. */
  attacks?: readonly Attack[]
  /**
   * Awaited before the finished batches in `runDir` are deleted, to write results down: if it throws, the evaluation can
   * still be resumed.
   */
  onComplete?: (evaluation: Evaluation) => Promise<void>
}

export const evaluateRows: OptionRows<EvaluateOptions> = {
  ...runRows,
  attacks: attacksKind,
  onComplete: callback,
}

/** How a model stands one attack. */
export interface AttackReport extends Effort {
  /** Of the attack. */
  readonly name: string
  /** Radius of its ball, pixels in [0, 1]. */
  readonly eps: number
  /** Of its perturbations. */
  readonly norm: Norm
  /** All settings of the attack. */
  readonly settings: AttackSettings
  /** Share of all images classified right naturally and under attack. */
  readonly robustAccuracy: number
  /** Of `robustAccuracy`, 95 %, by Wilson. */
  readonly interval: Interval
  /** The same on the adversarial images rounded to 8 bits, as an image file would hold them. */
  readonly roundedAccuracy: number
  /**
   * For each image of the evaluation the attack that broke it (of AutoAttack that of its series), 'clean' if the model
   * is wrong naturally, null if it is robust.
   */
  readonly brokenBy: readonly (string | null)[]
  /** What it made of each image. */
  readonly perImage: AttackedImages
  /** Of attacks that look for the nearest adversarial image, over the images that the model gets right. */
  readonly distances?: DistanceSummary
  /** Of attacks that run others in series, what each of these did. */
  readonly parts?: readonly PartReport[]
  /** How long it took. */
  readonly seconds: number
}

/** What an attack made of each image, [images]; of images that it was not run on, what the natural one is. */
export interface AttackedImages {
  /** The class that the model predicts. */
  readonly predictions: Int32Array
  /** The probability of that class. */
  readonly confidences: Float32Array
  /** Of the perturbation, in the attack's norm. */
  readonly norms: Float64Array
  /** See AttackResult. Where no adversarial image is within eps, it is what the attack says, and not verified. */
  readonly distances?: Float64Array
}

/** What an evaluation found. */
export interface Evaluation {
  /** How many it was made on. */
  readonly images: number
  /** Share of images that the model gets right as they are. */
  readonly naturalAccuracy: number
  /** Share of images that withstand every attack. */
  readonly worstCaseAccuracy: number
  /** 95 %, by Wilson. */
  readonly naturalInterval: Interval
  /** 95 %, by Wilson. */
  readonly worstCaseInterval: Interval
  /** Number of each image in its data set, [images]. */
  readonly ids: Int32Array
  /** Class of each image, [images]. */
  readonly labels: Int32Array
  /** The class that the model predicts for each natural image, [images]. */
  readonly predictions: Int32Array
  /** The probability of that class, [images]. */
  readonly confidences: Float32Array
  /** One an attack, in their order. */
  readonly attacks: readonly AttackReport[]
  /** What all of these are of. */
  readonly provenance: Provenance
  /** How long it took. */
  readonly seconds: number
}

/**
 * The accuracy of a model, natural and under attack. No attack is believed: norm, box and prediction of each
 * adversarial image are computed anew, in other batches, before it counts. Images that the model gets wrong naturally
 * count as not robust and are not attacked.
 * @param model in eval mode, as tickets and dense models are; or any Classifier
 * @param split the images, such as `data.test`
 * @param options attacks, number of images, seeds, and where it is kept for a resume
 * @throws ConfigError, ShapeError, AbortError, OutOfMemoryError
 * @example
 * import { attacks, datasets, evaluate, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const report = await evaluate(ticket, test, { attacks: [attacks.pgd({ eps: 8 / 255 })], limit: 1000 })
 * const [{ name, robustAccuracy, interval, failedChecks }] = report.attacks
 * console.log(name, failedChecks, robustAccuracy <= report.naturalAccuracy) // → pgd-20 0 true
 * console.log(interval[0] <= robustAccuracy && robustAccuracy <= interval[1]) // → true
 */
export async function evaluate(
  model: Classifier,
  split: Split,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkClassifier(model)
  checkOptions('evaluate', options, evaluateRows)
  return alone(options, () => evaluateAlone(model, split, options))
}

async function evaluateAlone(model: Classifier, split: Split, options: EvaluateOptions): Promise<Evaluation> {
  const started = performance.now()
  const { attacks = [] } = options
  const runner = await Runner.open([model], split, options)
  const { size, labels, ids } = runner.images
  const workOf = (attack: Attack, count: number) => {
    const { forwards, backwards } = passesOf(attack, model.numClasses)
    return (forwards + backwards) * count
  }
  const phases = (count: number) => [
    { name: 'natural', work: size },
    ...attacks.map(attack => ({ name: attack.name, work: workOf(attack, count) })),
  ]
  const meter = new EvaluationMeter(phases(size), options.onProgress)
  const [right] = await runner.natural(done => meter.report(0, done, size))
  const standing = runner.all.filter(n => right[n] === 1)
  meter.plan(phases(standing.length))
  await runner.keep('evaluate', {
    attacks: attacks.map(({ name, eps, norm, settings }) => ({ name, norm, eps, ...settings })),
  })

  const reports: AttackReport[] = []
  for (const [a, attack] of attacks.entries()) {
    const onImages = (done: number) => meter.report(a + 1, done, standing.length)
    reports.push(await attackAll(runner, model, attack, { key: `${a}-${attack.name}`, standing, onImages }))
  }
  const withstands = (n: number) => reports.every(({ brokenBy }) => brokenBy[n] === null)
  const withstanding = standing.filter(withstands).length
  const [{ classes: predictions, confidences }] = runner.predictions
  const evaluation: Evaluation = {
    images: size,
    naturalAccuracy: standing.length / size,
    worstCaseAccuracy: withstanding / size,
    naturalInterval: wilsonInterval(standing.length, size),
    worstCaseInterval: wilsonInterval(withstanding, size),
    ids,
    labels,
    predictions,
    confidences,
    attacks: reports,
    provenance: await runner.provenance(attacks),
    seconds: (performance.now() - started) / 1000,
  }
  return runner.complete(evaluation, options.onComplete)
}

/** Attacks the images `standing`. */
async function attackAll(
  runner: Runner,
  model: Classifier,
  attack: Attack,
  { key, standing, onImages }: { key: string; standing: readonly number[]; onImages: (done: number) => void },
): Promise<AttackReport> {
  const started = performance.now()
  const { name, eps, norm, settings = { eps, norm } } = attack
  const { size } = runner.images
  const brokenBy = Array.from<unknown, string | null>({ length: size }, () => 'clean')
  const tally = new Tally()
  const ofModel = {
    name,
    eps,
    norm,
    run: (...[images, labels, options]: Parameters<RunnableAttack['run']>) =>
      attack.run(model, images, labels, options),
  }
  const target = { key, attacked: [0], images: standing, detailed: true, onImages }
  const [natural] = runner.predictions
  const predictions = new Int32Array(natural.classes)
  const confidences = new Float32Array(natural.confidences)
  const norms = new Float64Array(size)
  let distances: Float64Array | undefined
  let rightRounded = 0
  for await (const { images, findings, verdict } of runner.attack(ofModel, target, tally)) {
    for (const [i, n] of images.entries()) {
      brokenBy[n] = verdict.right[0][i] === 1 ? null : (findings.brokenBy?.[i] ?? name)
      rightRounded += verdict.rightRounded[0][i]
      predictions[n] = verdict.predictions[0].classes[i]
      confidences[n] = verdict.predictions[0].confidences[i]
      norms[n] = verdict.norms[i]
      if (findings.distances === undefined) continue
      distances ??= new Float64Array(size)
      distances[n] = findings.distances[i]
    }
  }
  const { parts } = tally
  const robust = brokenBy.filter(by => by === null).length
  return {
    name,
    eps,
    norm,
    settings,
    robustAccuracy: robust / size,
    interval: wilsonInterval(robust, size),
    roundedAccuracy: rightRounded / size,
    brokenBy,
    perImage: { predictions, confidences, norms, ...(distances && { distances }) },
    ...(distances && { distances: summariseDistances(standing.map(n => distances[n])) }),
    ...(parts.length > 0 && { parts }),
    ...tally.effort(attack, runner.randomized),
    seconds: (performance.now() - started) / 1000,
  }
}
