// Seconds of one PGD-7 search step and of one PGD-20 step of resnet18-cifar, batch 128 unless told otherwise.
import { performance } from 'node:perf_hooks'
import { pgd } from '../src/attacks/pgd.ts'
import type { Dataset } from '../src/data/dataset.ts'
import * as models from '../src/models/index.ts'
import type { Network } from '../src/nn/network.ts'
import { ImageSource, type TrainingBatch } from '../src/search/image-source.ts'
import { networkOptions, type ResolvedTraining, resolveTraining } from '../src/search/resolve.ts'
import { type Trainee, trainStep } from '../src/search/training.ts'
import { Device } from '../src/tensor/device.ts'
import * as ops from '../src/tensor/ops/index.ts'

export interface BenchRow {
  work: 'search-step' | 'pgd-step'
  arch: string
  ratio: number
  batch: number
  threads: number
  implementation: string
  seconds: number[]
  median: number
}

export interface StepsOptions {
  ratios: readonly number[]
  batch: number
  threads: number
  repeat: number
  works: readonly BenchRow['work'][]
}

const arch = 'resnet18-cifar'

/** Calls report for each (work, ratio) as soon as it is measured; the first, untimed repetition warms up. */
export async function benchSteps(options: StepsOptions, report: (row: BenchRow) => void): Promise<void> {
  const { batch, threads, repeat } = options
  const device = new Device({ threads })
  const inner = pgd({ eps: 8 / 255, stepSize: 2 / 255, steps: 7 })
  const training = await resolveTraining({
    arch,
    data: noise(batch),
    inner,
    batchSize: batch,
    epochs: 1,
    device,
  })
  const source = new ImageSource(training)
  for (const ratio of options.ratios) {
    const network = models.create(arch, networkOptions(training.data, 1, device))
    network.drawWeights('signed-kaiming-constant', 0)
    network.drawScores('element', 0)
    network.updateMasks(ratio)
    for (const work of options.works) {
      const step = work === 'search-step' ? searchStep(network, ratio, training) : pgdStep(network)
      const seconds: number[] = []
      for (let i = 0; i <= repeat; i++) {
        const images = source.batch(
          Array.from({ length: batch }, (_, j) => j),
          i,
        )
        await device.synchronize()
        const started = performance.now()
        await step(images)
        await device.synchronize()
        if (i > 0) seconds.push((performance.now() - started) / 1000)
        images.dispose()
      }
      report({
        work,
        arch,
        ratio,
        batch,
        threads,
        implementation: 'rst-native',
        seconds,
        median: median(seconds),
      })
    }
    network.dispose()
  }
  source.dispose()
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Masks, seven attack steps with batch statistics, the score gradients and SGD. */
function searchStep(network: Network, ratio: number, training: ResolvedTraining) {
  const trainee: Trainee = {
    network,
    parameters: network.convolutions.map(layer => ({ name: layer.spec.name, tensor: layer.scores! })),
    parametersChanged: () => network.updateMasks(ratio),
  }
  const velocities = trainee.parameters.map(({ tensor }) => ops.full(tensor.shape, 0, network.device))
  const session = training.inner!.session()
  return async (batch: TrainingBatch) => {
    const result = await trainStep(trainee, training, session, batch, velocities, 0.1)
    for (const t of Object.values(result)) t.dispose()
  }
}

/** Forward, gradient to the images, sign step and projection, in eval mode. */
function pgdStep(network: Network) {
  const oneStep = pgd({ eps: 8 / 255, stepSize: 2 / 255, steps: 1 }).session()
  return async (batch: TrainingBatch) => {
    network.mode = 'eval'
    const x = await oneStep.adversarial(network, batch)
    x.dispose()
  }
}

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
