// The formulas and the comparison that tests against PyTorch's values share (test/fixtures/make-resnet18.py).
import { expect } from 'vitest'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

/** Of a tensor that PyTorch computed: some of its values, spread evenly. */
export interface Sampled {
  size: number
  norm: number
  max: number
  values: number[]
}

/** A 32-bit mix of index and stream. */
function hash(i: number, stream: number): number {
  let x = (i + Math.imul(stream, 0x9e3779b9)) | 0
  x ^= x >>> 16
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** In [0, 1), exact in f32. */
export const unit = (i: number, stream: number) => (hash(i, stream) >>> 8) * 2 ** -24

export const sizeOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1)

/** Weights and scores of layer l, of fan-in C·R·S. */
export function weightsAndScores(l: number, shape: readonly number[]) {
  const size = sizeOf(shape)
  const fanIn = size / shape[0]
  const constant = Math.fround(Math.sqrt(2 / fanIn))
  const bound = Math.fround(1 / Math.sqrt(fanIn))
  return {
    weights: Float32Array.from({ length: size }, (_, i) => (hash(i, 2 * l) < 2 ** 31 ? constant : -constant)),
    scores: Float32Array.from({ length: size }, (_, i) => (2 * unit(i, 2 * l + 1) - 1) * bound),
  }
}

export function imagesOf(shape: readonly number[], stream: number): Tensor {
  return tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => unit(i, stream)),
    shape,
  )
}

/** Relative to the tensor's largest value, since single entries may be sums that cancel. */
export async function expectSampled(actual: Tensor, expected: Sampled, what: string): Promise<void> {
  const values = await actual.data()
  expect(values.length, what).toBe(expected.size)
  const norm = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
  if (expected.norm === 0) {
    expect(norm, `${what}: norm`).toBeLessThan(1e-5)
    return
  }
  expect(Math.abs(norm / expected.norm - 1), `${what}: norm`).toBeLessThan(1e-4)
  const samples = expected.values.length
  expected.values.forEach((value, j) => {
    const index = Math.floor((j * expected.size) / samples)
    expect(Math.abs(values[index] - value) / expected.max, `${what}[${index}]`).toBeLessThan(1e-4)
  })
}

export async function expectLogits(actual: Tensor, expected: readonly number[][]): Promise<void> {
  const logits = await actual.data()
  const largest = Math.max(...expected.flat().map(Math.abs))
  expected.flat().forEach((value, i) => {
    expect(Math.abs(logits[i] - value) / largest, `logit ${i}`).toBeLessThan(1e-4)
  })
}

/** The running statistics of one batch norm. */
export async function expectRunning(
  { runningMean, runningVar }: { runningMean: Tensor; runningVar: Tensor },
  expected: { mean: number[]; var: number[] },
  name: string,
): Promise<void> {
  const [mean, variance] = [await runningMean.data(), await runningVar.data()]
  expected.mean.forEach((m, c) => {
    expect(mean[c], `${name} mean ${c}`).toBeCloseTo(m, 5)
  })
  expected.var.forEach((v, c) => {
    expect(Math.abs(variance[c] / v - 1), `${name} var ${c}`).toBeLessThan(1e-4)
  })
}
