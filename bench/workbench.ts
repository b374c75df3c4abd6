// A device, a batch of random images on it, and networks drawn for them.
import { pgd } from '../src/attacks/pgd.ts'
import type { Dataset } from '../src/data/dataset.ts'
import * as models from '../src/models/index.ts'
import type { Network } from '../src/nn/network.ts'
import { Device } from '../src/tensor/device.ts'
import { ImageSource, type TrainingBatch } from '../src/training/image-source.ts'
import { networkOptions, type ResolvedTraining, resolveTraining } from '../src/training/resolve.ts'

export const arch = 'resnet18-cifar'
/** Images that the running statistics come from. */
const statisticsBatch = 32
/** Share of a batch in the new running statistics (nn/batch-norm2d.ts). */
const momentum = 0.1

export class Workbench {
  readonly device: Device
  readonly training: ResolvedTraining
  readonly images: TrainingBatch
  readonly #source: ImageSource

  private constructor(training: ResolvedTraining, source: ImageSource, batch: number) {
    this.device = training.device
    this.training = training
    this.#source = source
    this.images = this.#source.batch(firstIndices(batch), 0)
  }

  static async open({ batch, threads }: { batch: number; threads: number }): Promise<Workbench> {
    const training = await resolveTraining({
      arch,
      data: noise(Math.max(batch, statisticsBatch)),
      inner: pgd({ eps: 8 / 255, stepSize: 2 / 255, steps: 7 }),
      batchSize: Math.max(batch, 2),
      epochs: 1,
      augment: false,
      device: new Device({ threads }),
    })
    return new Workbench(training, await ImageSource.open(training), batch)
  }

  /** A network of ±c weights with the masks of its random scores, and the running statistics of some images. */
  async network(ratio: number): Promise<Network> {
    const network = models.create(arch, networkOptions(this.training.data, 1, this.device))
    network.drawWeights('signed-kaiming-constant', 0)
    network.drawScores('element', 0)
    network.updateMasks(ratio)
    await this.#settleStatistics(network)
    return network
  }

  /** From zero, one training pass leaves `momentum` times the batch's statistics. */
  async #settleStatistics(network: Network): Promise<void> {
    for (const layer of network.batchNorms) {
      const zeros = new Float32Array(layer.spec.channels)
      layer.setRunning(zeros, zeros)
    }
    const batch = this.#source.batch(firstIndices(statisticsBatch), 0)
    network.mode = 'train'
    network.logits(batch.images).dispose()
    batch.dispose()
    for (const layer of network.batchNorms) {
      const mean = await layer.runningMean.data()
      const variance = await layer.runningVar.data()
      layer.setRunning(
        mean.map(value => value / momentum),
        variance.map(value => value / momentum),
      )
    }
    network.mode = 'eval'
  }

  dispose(): void {
    this.images.dispose()
    this.#source.dispose()
  }
}

const firstIndices = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Random images: what is in them does not change the time. */
function noise(size: number): Dataset {
  const pixels = 3 * 32 * 32
  const split = {
    images: Uint8Array.from({ length: size * pixels }, (_, i) => Math.imul(i, 2654435761) >>> 24),
    labels: Int32Array.from({ length: size }, (_, i) => i % 10),
    size,
  }
  return {
    train: split,
    test: split,
    info: {
      name: 'noise',
      classes: 10,
      classNames: Array.from({ length: 10 }, (_, i) => String(i)),
      channels: 3,
      height: 32,
      width: 32,
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
      flip: true,
    },
  }
}
