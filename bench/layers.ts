// Each convolution of resnet18-cifar by itself.
import { keepCount } from '../src/nn/pattern.ts'
import { Device } from '../src/tensor/device.ts'
import * as ops from '../src/tensor/ops/index.ts'
import { runOp1 } from '../src/tensor/run.ts'
import { scope } from '../src/tensor/scope.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { type BenchRow, type LayerWork, ours } from './row.ts'
import { median } from './statistics.ts'
import type { BenchOptions } from './steps.ts'
import { measure } from './stopwatch.ts'
import { arch } from './workbench.ts'

interface ConvShape {
  inputs: number
  outputs: number
  /** Height and width of the input. */
  size: number
  kernel: 1 | 3
  stride: 1 | 2
}

const strided = (kernel: 1 | 3): ConvShape[] => [
  { inputs: 64, outputs: 128, size: 32, kernel, stride: 2 },
  { inputs: 128, outputs: 256, size: 16, kernel, stride: 2 },
  { inputs: 256, outputs: 512, size: 8, kernel, stride: 2 },
]
const shapes: readonly ConvShape[] = [
  { inputs: 64, outputs: 64, size: 32, kernel: 3, stride: 1 },
  { inputs: 128, outputs: 128, size: 16, kernel: 3, stride: 1 },
  { inputs: 256, outputs: 256, size: 8, kernel: 3, stride: 1 },
  { inputs: 512, outputs: 512, size: 4, kernel: 3, stride: 1 },
  ...strided(3),
  ...strided(1),
]

/** '3×3 64@32²', '1×1/2 64→128@32²' */
function layerName({ inputs, outputs, size, kernel, stride }: ConvShape): string {
  const channels = inputs === outputs ? inputs : `${inputs}→${outputs}`
  return `${kernel}×${kernel}${stride === 1 ? '' : `/${stride}`} ${channels}@${size}²`
}

/** The weight gradient is dense whatever the mask: it is timed once, as ratio 1. */
export async function benchLayers(
  { ratios, batch, threads, repeat }: BenchOptions,
  report: (row: BenchRow) => void,
): Promise<void> {
  const device = new Device({ threads })
  for (const shape of shapes) {
    const layer = new Layer(shape, batch, device)
    const row = {
      group: 'layers',
      arch,
      layer: layerName(shape),
      batch,
      threads,
      implementation: ours,
    } as const
    for (const ratio of ratios) {
      const seconds = await layer.compileSeconds(ratio, repeat)
      report({ ...row, work: 'weight-compile', ratio, seconds, median: median(seconds) })
    }
    const runs: { work: Exclude<LayerWork, 'weight-compile'>; ratio: number }[] = [
      ...ratios.map(ratio => ({ work: 'forward' as const, ratio })),
      ...ratios.map(ratio => ({ work: 'input-gradient' as const, ratio })),
      { work: 'weight-gradient', ratio: 1 },
    ]
    for (const { work, ratio } of runs) {
      using weight = layer.weight(ratio)
      const enqueue = () => layer.run(work, weight).dispose()
      const seconds = await measure(queued(device, enqueue), repeat)
      const middle = median(seconds)
      report({ ...row, work, ratio, seconds, median: middle, gflops: layer.operations / middle / 1e9 })
    }
    layer.dispose()
  }
}

/** All iterations are enqueued before the one wait, so that what the queue costs is hidden behind the work. */
function queued(device: Device, enqueue: () => void) {
  return {
    async run(iterations: number) {
      for (let i = 0; i < iterations; i++) enqueue()
      await device.synchronize()
    },
    dispose() {},
  }
}

class Layer {
  readonly #x: Tensor
  readonly #dy: Tensor
  readonly #weightShape: number[]
  readonly #options: { stride: number; padding: number }
  readonly #device: Device

  constructor({ inputs, outputs, size, kernel, stride }: ConvShape, batch: number, device: Device) {
    const sampleIds = tensor(
      Int32Array.from({ length: batch }, (_, i) => i),
      [batch],
      { dtype: 'i32', device },
    )
    const noise = (shape: number[], step: number) =>
      ops.uniformNoise(sampleIds, shape, { low: -1, high: 1, seed: 0, step })
    this.#x = noise([batch, inputs, size, size], 0)
    this.#dy = noise([batch, outputs, size / stride, size / stride], 1)
    this.#weightShape = [outputs, inputs, kernel, kernel]
    this.#options = { stride, padding: kernel >> 1 }
    this.#device = device
    sampleIds.dispose()
  }

  /** Of one pass over the batch, were it dense. */
  get operations(): number {
    const [, inputs, rows, columns] = this.#weightShape as [number, number, number, number]
    return 2 * this.#dy.size * inputs * rows * columns
  }

  weight(ratio: number): Tensor {
    return scope(() => {
      const draw = { init: 'signed-constant', scale: 0.05, seed: 0, purpose: 'weight', layer: 0 } as const
      const weight = ops.randomWeight(this.#weightShape, draw, this.#device)
      const scores = ops.randomWeight(
        this.#weightShape,
        { ...draw, init: 'uniform', purpose: 'score' },
        this.#device,
      )
      return ops.maskedWeight(weight, ops.topkMask(scores, keepCount(scores.size, ratio)))
    })
  }

  /** Of fresh weights, for both directions, by the device's own clock; the first one is not counted. */
  async compileSeconds(ratio: number, repeat: number): Promise<number[]> {
    const seconds: number[] = []
    while (seconds.length <= repeat) {
      using weight = this.weight(ratio)
      const before = Number(this.#device.facts.weightCompileSeconds)
      this.run('forward', weight).dispose()
      this.run('input-gradient', weight).dispose()
      await this.#device.synchronize()
      seconds.push(Number(this.#device.facts.weightCompileSeconds) - before)
    }
    return seconds.slice(1)
  }

  run(work: Exclude<LayerWork, 'weight-compile'>, weight: Tensor): Tensor {
    switch (work) {
      case 'forward':
        return runOp1('conv2d', [this.#x, weight], this.#options)
      case 'input-gradient':
        return runOp1('conv2d_input_grad', [this.#dy, weight, null], {
          ...this.#options,
          shape: this.#x.shape,
        })
      case 'weight-gradient':
        return runOp1('conv2d_weight_grad', [this.#x, this.#dy], {
          ...this.#options,
          shape: this.#weightShape,
        })
    }
  }

  dispose(): void {
    this.#x.dispose()
    this.#dy.dispose()
  }
}
