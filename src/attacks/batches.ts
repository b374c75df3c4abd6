// Runs an attack batch by batch over a set of images and gathers what it found, image by image.
import { AbortError, ConfigError, ShapeError } from '../errors.ts'
import { Device } from '../tensor/device.ts'
import { Tensor, tensor } from '../tensor/tensor.ts'
import type { AttackResult, AttackRunOptions } from './attack.ts'
import type { Classifier } from './classifier.ts'

export interface AttackBatch {
  readonly images: Tensor
  readonly labels: Tensor<'i32'>
  readonly sampleIds: Tensor<'i32'>
}

/** The images found so far for one batch. */
export interface BatchResult {
  /**
   * Takes over an image's candidate where it fools the model and the one kept does not, or where both do or both don't
   * and its loss is larger.
   * @param correct 1 where the model is still right, [N]
   */
  keepBetter(candidates: Float32Array, losses: Float32Array, correct: Float32Array): void
  /** Adds passes of every image of the batch. */
  count(passes: { forwards: number; backwards: number }): void
}

/** @throws ShapeError, ConfigError, AbortError */
export async function attackBatches(
  model: Classifier,
  images: Float32Array | Tensor,
  labels: ArrayLike<number>,
  { batchSize = 256, sampleIds, signal, onProgress }: AttackRunOptions,
  attack: (batch: AttackBatch, result: BatchResult) => Promise<void>,
): Promise<AttackResult> {
  const pixels = images instanceof Tensor ? await images.data() : images
  const device =
    images instanceof Tensor ? images.device : ((model as { device?: Device }).device ?? Device.default)
  const total = labels.length
  const imageSize = model.inputShape.reduce((product, d) => product * d, 1)
  checkInputs(model, pixels, labels, imageSize, batchSize, sampleIds)

  const adversarial = new Float32Array(pixels)
  const robust = new Uint8Array(total).fill(1)
  const bestLoss = new Float32Array(total).fill(Number.NEGATIVE_INFINITY)
  let forwards = 0
  let backwards = 0
  for (let from = 0; from < total; from += batchSize) {
    if (signal?.aborted) throw new AbortError('The attack was interrupted.', { cause: signal.reason })
    const to = Math.min(total, from + batchSize)
    const batch: AttackBatch = {
      images: tensor(pixels.slice(from * imageSize, to * imageSize), [to - from, ...model.inputShape], {
        device,
      }),
      labels: tensor(Array.prototype.slice.call(labels, from, to), [to - from], { dtype: 'i32', device }),
      sampleIds: tensor(
        Int32Array.from({ length: to - from }, (_, i) => sampleIds?.[from + i] ?? from + i),
        [to - from],
        {
          dtype: 'i32',
          device,
        },
      ),
    }
    try {
      await attack(batch, {
        keepBetter(candidates, losses, correct) {
          for (let i = 0; i < to - from; i++) {
            const image = from + i
            const fools = correct[i] === 0
            const better = fools === (robust[image] === 0) ? losses[i]! > bestLoss[image]! : fools
            if (!better) continue
            robust[image] = fools ? 0 : 1
            bestLoss[image] = losses[i]!
            adversarial.set(candidates.subarray(i * imageSize, (i + 1) * imageSize), image * imageSize)
          }
        },
        count(passes) {
          forwards += passes.forwards * (to - from)
          backwards += passes.backwards * (to - from)
        },
      })
    } finally {
      for (const t of Object.values(batch)) (t as Tensor).dispose()
    }
    onProgress?.({ images: to, total })
  }
  return { adversarial, robust, bestLoss, forwards, backwards, warnings: [] }
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
