// Training of the dense network: the baseline that tickets are compared with, natural or adversarial.
import type { Classifier } from '../attacks/classifier.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { encodeSafetensors, type StoredTensor } from '../files/safetensors.ts'
import * as models from '../models/index.ts'
import type { Initialisation } from '../nn/initialisation.ts'
import type { Network } from '../nn/network.ts'
import type { Device } from '../tensor/device.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { TrainingOptions } from './options.ts'
import { networkOptions, recipeOf, resolveTraining } from './resolve.ts'
import { openRun } from './run.ts'
import { type EpochRecord, train } from './training.ts'

const format = 'rst-dense/1'

export interface DenseOptions extends TrainingOptions {
  /** Where training starts. Default 'kaiming-normal'. */
  init?: Initialisation
}

/** A trained dense network, in eval mode. */
export class DenseModel implements Classifier {
  readonly network: Network
  readonly recipe: Readonly<Record<string, unknown>>

  /** @internal Takes ownership of the network. */
  constructor(network: Network, recipe: Record<string, unknown>) {
    network.mode = 'eval'
    this.network = network
    this.recipe = recipe
  }

  get numClasses(): number {
    return this.network.numClasses
  }
  get inputShape(): readonly [number, number, number] {
    return this.network.inputShape
  }
  get device(): Device {
    return this.network.device
  }
  logits(x: Tensor): Tensor {
    return this.network.logits(x)
  }

  /** Writes weights and running statistics as safetensors, atomically. */
  async save(path: string): Promise<void> {
    const tensors = new Map<string, StoredTensor>()
    for (const { spec, weight } of this.network.convolutions) {
      tensors.set(`${spec.name}.weight`, { dtype: 'F32', shape: spec.weightShape, data: await weight.data() })
    }
    for (const { spec, runningMean, runningVar } of this.network.batchNorms) {
      const shape = [spec.channels]
      tensors.set(`${spec.name}.running_mean`, { dtype: 'F32', shape, data: await runningMean.data() })
      tensors.set(`${spec.name}.running_var`, { dtype: 'F32', shape, data: await runningVar.data() })
    }
    const metadata = { format, recipe: JSON.stringify(this.recipe) }
    await writeFileAtomic(path, encodeSafetensors({ metadata, tensors }))
  }

  dispose(): void {
    this.network.dispose()
  }
}

/**
 * Trains all weights of a dense network; `inner: null` is natural training.
 * @throws as searchRST
 */
export async function trainDense(
  options: DenseOptions,
): Promise<{ model: DenseModel; history: EpochRecord[] }> {
  const training = await resolveTraining(options)
  const network = models.create(training.arch, networkOptions(training.data, training.width, training.device))
  try {
    const { init = 'kaiming-normal' } = options
    network.drawWeights(init, training.seed)
    const recipe = { ...recipeOf(training), init }
    const history = await train(weightTrainee(network), training, await openRun(training, 'train', recipe))
    return { model: new DenseModel(network, recipe), history }
  } catch (error) {
    network.dispose()
    throw error
  }
}

/** Optimises the weights themselves, under the masks that the network has. */
export function weightTrainee(network: Network) {
  return {
    network,
    parameters: network.convolutions.map(layer => ({
      name: `${layer.spec.name}.weight`,
      tensor: layer.weight,
    })),
    parametersChanged: () => {
      for (const layer of network.convolutions) layer.weightChanged()
    },
  }
}
