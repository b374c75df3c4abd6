// Compares the tape's gradients with central differences of the same function.
import { expect } from 'vitest'
import { RandomStream } from '../../src/random/philox.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { grad } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

export interface Input {
  readonly shape: readonly number[]
  readonly values: Float32Array<ArrayBuffer>
}

/** Uniform in [low, high), a function of the seed alone. */
export function uniform(shape: readonly number[], seed: number, low = -1, high = 1): Input {
  const stream = new RandomStream(seed, 5)
  const size = shape.reduce((product, d) => product * d, 1)
  const values = Float32Array.from(
    { length: size },
    (_, i) => low + ((high - low) * stream.word(i)) / 2 ** 32,
  )
  return { shape, values }
}

export interface Tolerance {
  /** Half the distance between the two points of a difference. */
  step?: number
  /** Largest error, relative to the largest entry of the gradient. */
  error?: number
}

const checkedEntries = 30

/** Differentiates Σ r ⊙ f(inputs), r fixed and random, with regard to each input. */
export async function expectGradients(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Input[],
  { step = 1e-2, error = 2e-3 }: Tolerance = {},
): Promise<void> {
  const tensors = inputs.map(({ values, shape }) => tensor(values, shape))
  const probe = f(...tensors)
  const weights = uniform(probe.shape, 99)
  const r = tensor(weights.values, weights.shape)
  const { value, gradients } = grad(() => ops.sum(ops.mul(f(...tensors), r)), tensors)

  const lossAt = async (input: number, entry: number, shift: number) => {
    const shifted = inputs[input].values.slice()
    shifted[entry] += shift
    const moved = tensor(shifted, inputs[input].shape)
    const y = f(...tensors.map((t, i) => (i === input ? moved : t)))
    const values = await y.data()
    moved.dispose()
    y.dispose()
    // Summed in double precision, so that the loss adds no rounding of its own.
    return { loss: values.reduce((sum, v, i) => sum + v * weights.values[i], 0), at: shifted[entry] }
  }

  for (const [i, { values, shape }] of inputs.entries()) {
    expect(gradients[i].shape).toEqual([...shape])
    const analytic = await gradients[i].data()
    const stride = Math.max(1, Math.floor(values.length / checkedEntries))
    const pairs: [index: number, analytic: number, numeric: number][] = []
    for (let entry = 0; entry < values.length; entry += stride) {
      const [above, below] = [await lossAt(i, entry, step), await lossAt(i, entry, -step)]
      pairs.push([entry, analytic[entry], (above.loss - below.loss) / (above.at - below.at)])
    }
    const largest = Math.max(...pairs.map(([, , numeric]) => Math.abs(numeric)))
    expect(largest, `input ${i} has a gradient`).toBeGreaterThan(1e-3)
    for (const [entry, a, n] of pairs) {
      expect(Math.abs(a - n) / largest, `input ${i}, entry ${entry}: ${a} against ${n}`).toBeLessThan(error)
    }
  }
  for (const t of [...tensors, probe, r, value, ...gradients]) t.dispose()
}
