// Runs an attack batch by batch over a set of images and gathers what it found, image by image.
import { AbortError, ConfigError, ShapeError } from '../errors.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { AttackResult, AttackRunOptions, Passes, Warning } from './attack.ts'
import type { Classifier } from './classifier.ts'

/** A batch of images, all in host memory. */
export interface HostBatch {
  readonly count: number
  /** [count·C·H·W] in [0, 1]; not to be changed. */
  readonly images: Float32Array<ArrayBuffer>
  readonly labels: Int32Array<ArrayBuffer>
  /** Key the random draws of each image. */
  readonly sampleIds: Int32Array<ArrayBuffer>
  readonly seed: number
}

/** Who may stop the work on a batch, and who is told of it. */
export interface BatchControl {
  readonly signal: AbortSignal | undefined
  /** To be called with the share of the batch that is done, 0 to 1. */
  readonly onShare: (share: number) => void
}

/** What an attack found for a batch, and the passes it took. */
export interface BatchOutcome extends Passes {
  /** [count·C·H·W] */
  readonly adversarial: Float32Array
  /** 1 = still classified right, [count] */
  readonly robust: ArrayLike<number>
  /** [count] */
  readonly bestLoss: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly distances?: ArrayLike<number>
  readonly warnings: readonly Warning[]
}

/**
 * @param check throws a ConfigError where the attack does not fit the model; called once the images are found in order
 * @throws ShapeError, ConfigError, AbortError
 */
export async function attackBatches(
  model: Classifier,
  images: Float32Array | Tensor,
  labels: ArrayLike<number>,
  { seed = 0, batchSize = 256, sampleIds, signal, onProgress, journal }: AttackRunOptions,
  attack: (batch: HostBatch, control: BatchControl) => Promise<BatchOutcome>,
  check?: () => void,
): Promise<AttackResult> {
  const pixels = images instanceof Tensor ? await images.data() : images
  const total = labels.length
  const imageSize = model.inputShape.reduce((product, d) => product * d, 1)
  checkInputs(model, pixels, labels, imageSize, batchSize, sampleIds)
  check?.()

  const adversarial = new Float32Array(pixels)
  const robust = new Uint8Array(total).fill(1)
  const bestLoss = new Float32Array(total).fill(Number.NEGATIVE_INFINITY)
  const warnings = new Map<string, Warning>()
  let distances: Float64Array<ArrayBuffer> | undefined
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
    const count = Math.min(batchSize, total - from)
    const ids = Int32Array.from({ length: count }, (_, i) => sampleIds?.[from + i] ?? from + i)
    let outcome = await journal?.read(String(from), ids)
    if (!outcome) {
      const batch: HostBatch = {
        count,
        images: new Float32Array(pixels.subarray(from * imageSize, (from + count) * imageSize)),
        labels: Int32Array.from({ length: count }, (_, i) => labels[from + i]),
        sampleIds: ids,
        seed,
      }
      const onShare = (share: number) => report(from + Math.floor(count * Math.min(1, share)))
      outcome = await attack(batch, { signal, onShare })
      await journal?.write(String(from), ids, outcome)
    }
    adversarial.set(outcome.adversarial, from * imageSize)
    robust.set(outcome.robust, from)
    bestLoss.set(outcome.bestLoss, from)
    if (outcome.distances) {
      distances ??= new Float64Array(total)
      distances.set(outcome.distances, from)
    }
    forwards += outcome.forwards
    backwards += outcome.backwards
    for (const warning of outcome.warnings) warnings.set(warning.code, warning)
    report(from + count)
  }
  return {
    adversarial,
    robust,
    bestLoss,
    ...(distances && { distances }),
    forwards,
    backwards,
    warnings: [...warnings.values()],
  }
}

/** @throws ShapeError, ConfigError */
export function checkInputs(
  model: Classifier,
  pixels: Float32Array,
  labels: ArrayLike<number>,
  imageSize: number,
  batchSize: number,
  sampleIds: ArrayLike<number> | undefined,
): void {
  if (!(model.numClasses >= 2)) {
    throw new ConfigError(
      `Expected a model of at least 2 classes but it has ${model.numClasses}: with one class every answer is right.`,
      'model',
    )
  }
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new ConfigError(`Expected a batchSize of at least 1 but received ${batchSize}.`, 'batchSize')
  }
  if (pixels.length !== labels.length * imageSize) {
    throw new ShapeError(
      `Expected ${labels.length} images of [${model.inputShape.join(', ')}], one for each label (${labels.length * imageSize} values), but received ${pixels.length} values.`,
    )
  }
  if (sampleIds && sampleIds.length !== labels.length) {
    throw new ShapeError(`Expected ${labels.length} sampleIds but received ${sampleIds.length}.`)
  }
  const outside = pixels.findIndex(value => !(value >= 0 && value <= 1))
  if (outside >= 0) {
    throw new ConfigError(
      `Expected pixels from 0 to 1 but image ${Math.floor(outside / imageSize)} holds ${pixels[outside]}; divide 8-bit pixels by 255 and leave normalisation to the model.`,
      'images',
    )
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (!Number.isInteger(label) || label < 0 || label >= model.numClasses) {
      throw new ConfigError(
        `Expected labels from 0 to ${model.numClasses - 1} but image ${i} has ${label}.`,
        'labels',
      )
    }
  }
}
