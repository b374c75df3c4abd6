// Training of the dense network: the baseline that tickets are compared with, natural or adversarial.
import { oneOf } from '../inputs/kinds.ts'
import { type OptionsOf, option, withDefaults } from '../inputs/rows.ts'
import * as models from '../models/index.ts'
import { initialisations } from '../nn/initialisation.ts'
import type { Network } from '../nn/network.ts'
import { type DenseMetadata, DenseModel, denseFormat } from '../saved/dense-model.ts'
import { version } from '../version.ts'
import { trainingRows } from './option-rows.ts'
import { networkOptions, type ResolvedTraining, recipeOf, resolveTraining } from './resolve.ts'
import { openRun } from './run.ts'
import { train } from './training.ts'
import type { EpochRecord } from './training-state.ts'

export const denseRows = {
  ...trainingRows,
  init: option(
    oneOf(initialisations),
    'kaiming-normal',
    'how the weights are drawn that training starts from',
  ),
}
/** Options of `trainDense`. */
export type DenseOptions = OptionsOf<typeof denseRows>

/**
 * Trains all weights of a dense network, the baseline that tickets are compared with.
 * @param options network, data and recipe; `inner: null` is natural training
 * @returns the model of the epoch that was chosen, and a record of each epoch
 * @throws ConfigError, DatasetError, DivergenceError, OutOfMemoryError; AbortError after a checkpoint (with runDir)
 * @example
 * import { attacks, datasets, trainDense } from 'rst-native'
 * const data = await datasets.cifar10()
 * const inner = attacks.pgd({ eps: 8 / 255, steps: 7 })
 * const { model, history } = await trainDense({ arch: 'conv2', width: 0.25, data, inner, epochs: 1, batchSize: 128 })
 * console.log(model.numClasses, history.length) // → 10 1
 */
export async function trainDense(
  options: DenseOptions,
): Promise<{ model: DenseModel; history: EpochRecord[] }> {
  const { init } = withDefaults('trainDense', options, denseRows)
  const training = await resolveTraining(options)
  const network = models.create(training.arch, networkOptions(training.data, training.width, training.device))
  try {
    network.drawWeights(init, training.seed)
    const recipe = { ...recipeOf(training), init }
    const history = await train(weightTrainee(network), training, await openRun(training, 'train', recipe))
    return { model: new DenseModel(network, denseMetadata(training, recipe)), history }
  } catch (error) {
    network.dispose()
    throw error
  }
}

function denseMetadata(
  { arch, width, data: { info } }: ResolvedTraining,
  recipe: DenseMetadata['recipe'],
): DenseMetadata {
  return {
    format: denseFormat,
    arch,
    width,
    classes: info.classes,
    inChannels: info.channels,
    imageSize: [info.height, info.width],
    dataset: info.name,
    normalisation: { mean: info.mean, std: info.std },
    recipe,
    libraryVersion: version,
  }
}

/**
 * Optimises the weights themselves, under the masks that the network has, and the biases and affine parameters that its
 * architecture has.
 */
export function weightTrainee(network: Network) {
  network.addBiasesAndAffine()
  return {
    network,
    parameters: network.parameters,
    parametersChanged: () => {
      for (const layer of network.convolutions) layer.weightChanged()
    },
  }
}
