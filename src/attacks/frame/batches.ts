// Runs an attack batch by batch over a set of images and gathers what it found, image by image.
import { AbortError, ConfigError } from '../../errors.ts'
import type { Classifier } from '../../nn/classifier.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AttackResult, AttackRunOptions } from './attack.ts'
import type { BatchOutcome, Warning } from './batch-outcome.ts'
import { randomTargets } from './goal.ts'
import type { GivenBatch, HostBatch } from './host-batch.ts'
import { checkedRun } from './run-options.ts'

/** Who may stop the work on a batch, and who is told of it. */
export interface BatchControl {
  readonly signal: AbortSignal | undefined
  /** To be called with the share of the batch that is done, 0 to 1. */
  readonly onShare: (share: number) => void
}

/** An outcome whose `robust` is about the attack's images alone. */
export interface BatchFinding extends BatchOutcome {
  /**
   * 1 = classified right naturally, [count]. Left out by attacks on several models, whose callers count for
   * themselves.
   */
  readonly right?: ArrayLike<number>
}

/** The one rule of counting (decision D14): robust is what is right naturally and under attack. */
function counted({ right, ...outcome }: BatchFinding): BatchOutcome {
  if (right === undefined) return outcome
  const robust = Uint8Array.from(outcome.robust, (flag, n) => (flag === 1 && right[n] === 1 ? 1 : 0))
  return { ...outcome, robust }
}

/** What a result holds for each image beside the images, where the attack gives it. */
const perImage = {
  distances: Float64Array,
  queries: Int32Array,
  targets: Int32Array,
  hit: Uint8Array,
} as const
type PerImage = { -readonly [K in keyof typeof perImage]?: InstanceType<(typeof perImage)[K]> }

/**
 * @param name of the attack
 * @param targeted whether the attack can be: `targets` are refused otherwise
 * @param check throws a ConfigError where the attack does not fit the model; called once the images are found in order
 * @throws ShapeError, ConfigError, AbortError
 */
export async function attackBatches(
  model: Classifier,
  images: Float32Array | Tensor,
  labels: ArrayLike<number>,
  options: AttackRunOptions,
  attack: (batch: GivenBatch, control: BatchControl) => Promise<BatchFinding>,
  {
    name = 'the attack',
    targeted = false,
    check,
  }: { name?: string; targeted?: boolean; check?: () => void } = {},
): Promise<AttackResult> {
  const given = await checkedRun(name, model, images, labels, options, targeted)
  check?.()
  const { seed = 0, batchSize = 256, signal, onProgress, journal } = options
  const total = given.labels.length
  const imageSize = model.inputShape.reduce((product, d) => product * d, 1)
  const adversarial = new Float32Array(given.pixels)
  const robust = new Uint8Array(total).fill(1)
  const bestLoss = new Float32Array(total).fill(Number.NEGATIVE_INFINITY)
  const warnings = new Map<string, Warning>()
  const found: PerImage = {}
  let forwards = 0
  let backwards = 0
  let reported = 0
  const report = (done: number) => {
    if (done === reported) return
    reported = done
    onProgress?.({ images: done, total })
  }
  for (let from = 0; from < total; from += batchSize) {
    if (signal?.aborted) throw new AbortError('The attack was interrupted.', { cause: signal.reason })
    const to = Math.min(total, from + batchSize)
    const count = to - from
    const plain = {
      count,
      images: given.pixels.slice(from * imageSize, to * imageSize),
      labels: given.labels.slice(from, to),
      sampleIds: given.sampleIds.slice(from, to),
      seed,
    }
    const batch: GivenBatch = withTargets(plain, given.targets, from, model.numClasses)
    let outcome = await journal?.read(String(from), batch.sampleIds)
    if (outcome) checkSameTargets(outcome.targets, batch.targets)
    else {
      const onShare = (share: number) => report(from + Math.floor(count * Math.min(1, share)))
      outcome = counted(await attack(batch, { signal, onShare }))
      await journal?.write(String(from), batch.sampleIds, outcome)
    }
    adversarial.set(outcome.adversarial, from * imageSize)
    robust.set(outcome.robust, from)
    bestLoss.set(outcome.bestLoss, from)
    for (const key of Object.keys(perImage) as (keyof PerImage)[])
      gather(found, key, outcome[key], total, from)
    forwards += outcome.forwards
    backwards += outcome.backwards
    for (const warning of outcome.warnings) warnings.set(warning.code, warning)
    report(to)
  }
  return {
    adversarial,
    robust,
    bestLoss,
    ...found,
    forwards,
    backwards,
    warnings: [...warnings.values()],
  }
}

function withTargets(
  batch: Omit<HostBatch, 'targets'>,
  targets: Int32Array<ArrayBuffer> | 'least-likely' | 'random' | undefined,
  from: number,
  classes: number,
): GivenBatch {
  if (targets === undefined) return batch
  if (targets === 'least-likely') return { ...batch, targets }
  if (targets === 'random') return { ...batch, targets: randomTargets(batch, classes) }
  return { ...batch, targets: targets.slice(from, from + batch.count) }
}

/** @throws ConfigError where a journal holds what was found for other targets */
function checkSameTargets(stored: ArrayLike<number> | undefined, wanted: GivenBatch['targets']): void {
  const same =
    (stored === undefined) === (wanted === undefined) &&
    (typeof wanted !== 'object' || wanted.every((target, n) => target === stored![n]))
  if (same) return
  throw new ConfigError(
    'The journal holds what was found for other targets: give those of the interrupted run, or start anew.',
    'targets',
  )
}

function gather(
  found: PerImage,
  key: keyof PerImage,
  values: ArrayLike<number> | undefined,
  total: number,
  from: number,
): void {
  if (values === undefined) return
  const all = found[key] ?? new perImage[key](total)
  all.set(values, from)
  Object.assign(found, { [key]: all })
}
