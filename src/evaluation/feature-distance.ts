// How far random noise moves a network's features (paper, Fig. 4).

import { checkSplit } from '../data/check-dataset.ts'
import type { Split } from '../data/dataset.ts'
import { subset } from '../data/subset.ts'
import { AbortError, ConfigError } from '../errors.ts'
import { abortSignal, count, number, required, seed as seedKind } from '../inputs/kinds.ts'
import { checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'
import { Network } from '../nn/network.ts'
import * as ops from '../tensor/ops/index.ts'
import { scope } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'

/** The noise, and the images that it is added to. */
export interface FeatureDistanceOptions {
  /** Magnitude of the noise, 0 to 1, uniform in [−eps, eps] for each pixel, before the result is clipped to [0, 1]. */
  eps: number
  /** Measure on a subset of this many images, chosen by seed. Default: all. */
  limit?: number
  /** Seeds the subset and the noise, which is per image. Default 0. */
  seed?: number
  /** Images at once. Default 256. */
  batchSize?: number
  /** Interrupts the measurement, which then throws an AbortError. */
  signal?: AbortSignal
}

export const featureDistanceRows: OptionRows<FeatureDistanceOptions> = {
  eps: required(number(0, 1)),
  limit: count(),
  seed: seedKind,
  batchSize: count(),
  signal: abortSignal,
}

/** How far noise moves a network's features. */
export interface FeatureDistance {
  /** Of the distances of all images. */
  readonly mean: number
  /** ‖f(x + noise) − f(x)‖ / ‖f(x)‖ of each image, f being the feature maps of the last convolution. */
  readonly distances: Float64Array
}

/**
 * The normalised distance between the feature maps of clean and of noisy images (Fu et al., NeurIPS 2021, Fig. 4).
 * @param model a ticket or a dense model
 * @param split the images
 * @param options size of the noise, number of images, seed
 * @throws ConfigError, AbortError
 * @example
 * import { datasets, featureDistance, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const { mean, distances } = await featureDistance(ticket, test, { eps: 8 / 255, limit: 1000 })
 * console.log(mean > 0, distances.length) // → true 4
 */
export async function featureDistance(
  model: { network: Network },
  split: Split,
  options: FeatureDistanceOptions,
): Promise<FeatureDistance> {
  if (!(model?.network instanceof Network)) {
    throw new ConfigError(
      `Expected a ticket or a dense model, as loadTicket and loadDense give, but received ${describeValue(model)}.`,
      'model',
    )
  }
  checkOptions('featureDistance', options, featureDistanceRows)
  const { network } = model
  const { device, inputShape, numClasses } = network
  checkSplit(split, { shape: inputShape, classes: numClasses })
  const { eps, limit, seed = 0, batchSize = 256, signal } = options
  const { images, size, ids } = limit === undefined ? split : await subset(split, limit, seed)
  const imageSize = inputShape.reduce((product, d) => product * d, 1)
  const distances = new Float64Array(size)
  for (let from = 0; from < size; from += batchSize) {
    if (signal?.aborted) throw new AbortError('The measurement was interrupted.', { cause: signal.reason })
    const taken = Math.min(batchSize, size - from)
    const shape = [taken, ...inputShape]
    const pixels = Float32Array.from(
      images.subarray(from * imageSize, (from + taken) * imageSize),
      v => v / 255,
    )
    const sampleIds = Int32Array.from({ length: taken }, (_, i) => ids?.[from + i] ?? from + i)
    const maps = scope(() => {
      const x = tensor(pixels, shape, { device })
      const of = tensor(sampleIds, [taken], { dtype: 'i32', device })
      const noise = ops.uniformNoise(of, shape, { low: -eps, high: eps, seed, step: 0 })
      const noisy = ops.clip(ops.add(x, noise), 0, 1)
      return { clean: network.featureMaps(x), noisy: network.featureMaps(noisy) }
    })
    const [clean, noisy] = [await maps.clean.data(), await maps.noisy.data()]
    maps.clean.dispose()
    maps.noisy.dispose()
    const features = clean.length / taken
    for (let n = 0; n < taken; n++) {
      let moved = 0
      let norm = 0
      for (let i = n * features; i < (n + 1) * features; i++) {
        moved += (noisy[i] - clean[i]) ** 2
        norm += clean[i] ** 2
      }
      distances[from + n] = moved === 0 ? 0 : Math.sqrt(moved / norm)
    }
  }
  return { mean: distances.reduce((sum, d) => sum + d, 0) / size, distances }
}
