// The one check of what an attack is run on, and how.
import { ConfigError, ShapeError } from '../../errors.ts'
import { checkLabels, checkPixels } from '../../inputs/images.ts'
import { abortSignal, callback, count, kind, seed } from '../../inputs/kinds.ts'
import { checkOptions, describeValue, type OptionRows } from '../../inputs/options.ts'
import { type Classifier, checkClassifier } from '../../nn/classifier.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { AttackRunOptions } from './attack.ts'
import { checkTargets } from './goal.ts'

const isArrayLike = (value: unknown) =>
  typeof value === 'object' && value !== null && Number.isSafeInteger((value as ArrayLike<unknown>).length)

/** The largest number of an image: 31 bits. */
const largestId = 2 ** 31 - 1

export const attackRunRows: OptionRows<AttackRunOptions> = {
  seed,
  batchSize: count(),
  sampleIds: kind('the numbers of the images, as an Int32Array or array,', isArrayLike),
  targets: kind(
    'the class wanted of each image, as an Int32Array or array, or one of least-likely, random',
    value => value === 'least-likely' || value === 'random' || isArrayLike(value),
  ),
  signal: abortSignal,
  onProgress: callback,
  journal: kind(
    'an object with read and write',
    value =>
      typeof value === 'object' &&
      value !== null &&
      typeof (value as Record<string, unknown>).read === 'function' &&
      typeof (value as Record<string, unknown>).write === 'function',
  ),
}

/** What an attack is run on, checked. */
export interface CheckedRun {
  /** [N·C·H·W] in [0, 1] */
  readonly pixels: Float32Array<ArrayBuffer>
  /** [N] */
  readonly labels: Int32Array<ArrayBuffer>
  /** [N] */
  readonly sampleIds: Int32Array<ArrayBuffer>
  /** Of a targeted run, [N] or a rule. */
  readonly targets: Int32Array<ArrayBuffer> | 'least-likely' | 'random' | undefined
}

/**
 * @param name of the attack
 * @param images [N, C, H, W] in [0, 1], as a tensor or its elements
 * @param labels [N]
 * @param takesTargets whether the attack can be targeted
 * @throws ShapeError, ConfigError
 */
export async function checkedRun(
  name: string,
  model: Classifier,
  images: Float32Array | Tensor,
  labels: ArrayLike<number>,
  options: AttackRunOptions,
  takesTargets: boolean,
): Promise<CheckedRun> {
  checkClassifier(model)
  checkOptions(`${name}.run`, options, attackRunRows)
  const { numClasses, inputShape } = model
  const theirLabels = checkLabels(labels, numClasses)
  const total = theirLabels.length
  if (images instanceof Tensor) checkImageTensor(images, [total, ...inputShape])
  const values = images instanceof Tensor ? await images.data() : images
  const nothing = total === 0 && (values as ArrayLike<number> | null)?.length === 0
  const pixels = nothing
    ? new Float32Array(0)
    : checkPixels(values, inputShape, { images: total, option: 'images' })
  if (options.targets !== undefined && !takesTargets) {
    throw new ConfigError(`${name} cannot be targeted: leave out targets, or use another attack.`, 'targets')
  }
  return {
    pixels,
    labels: theirLabels,
    sampleIds: checkedIds(options.sampleIds, total),
    targets:
      options.targets === undefined ? undefined : checkTargets(options.targets, theirLabels, numClasses),
  }
}

function checkImageTensor({ shape, dtype }: Tensor, expected: readonly number[]): void {
  if (dtype === 'f32' && shape.length === 4 && shape.every((size, d) => size === expected[d])) return
  throw new ShapeError(
    `Expected images [${expected.join(', ')}] of f32, one for each label, but received [${shape.join(', ')}] of ${dtype}.`,
  )
}

function checkedIds(sampleIds: ArrayLike<number> | undefined, total: number): Int32Array<ArrayBuffer> {
  if (sampleIds === undefined) return Int32Array.from({ length: total }, (_, n) => n)
  if (sampleIds.length !== total) {
    throw new ShapeError(`Expected ${total} sampleIds but received ${sampleIds.length}.`)
  }
  for (let n = 0; n < total; n++) {
    const id: unknown = sampleIds[n]
    if (Number.isInteger(id) && (id as number) >= 0 && (id as number) <= largestId) continue
    throw new ConfigError(
      `Expected whole numbers from 0 to ${largestId} for sampleIds but image ${n} has ${describeValue(id)}.`,
      'sampleIds',
    )
  }
  return Int32Array.from(sampleIds)
}
