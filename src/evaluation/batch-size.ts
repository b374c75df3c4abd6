// How many images to evaluate at once.
import { freemem } from 'node:os'
import { answerOf } from '../attacks/frame/answer.ts'
import { type Classifier, deviceOf } from '../nn/classifier.ts'
import { vjp } from '../tensor/tape.ts'
import { tensor } from '../tensor/tensor.ts'

/** More images at once are no faster. */
const largest = 256
/** Images that lie side by side in the lanes of the CPU: fewer save nothing. */
const quantum = 16
/** What a backward pass adds to the tensors that the forward pass keeps for it, as a factor of these, generously. */
const backwardFactor = 2
/** Share of the free memory to use: other programs want some too. */
const share = 0.5

/**
 * The batch size given, or else the largest, up to 256, whose forward and backward pass fit in half of the free memory,
 * as measured by a forward pass of a few grey images. It has no influence on results.
 * @throws ShapeError where the model answers with other than its classes
 */
export async function chooseBatchSize(model: Classifier, given?: number): Promise<number> {
  if (given !== undefined) return given
  const device = deviceOf(model)
  const shape = [quantum, ...model.inputShape]
  const pixels = new Float32Array(shape.reduce((product, d) => product * d, 1)).fill(0.5)
  using images = tensor(pixels, shape, { device })
  await device.synchronize()
  const before = device.memory().inUse
  const { value, dispose } = vjp(() => answerOf(model, images), [images])
  let kept: number
  try {
    await value.data()
    kept = device.memory().inUse - before
  } finally {
    dispose()
  }
  const { limit, inUse } = device.memory()
  const free = limit > 0 ? limit - inUse : availableMemory()
  const fitting = Math.floor((share * free) / (Math.max(1, kept) * backwardFactor))
  return Math.min(largest, Math.max(1, fitting) * quantum)
}

/** Bytes that this process may still take: what is free, within the limits of a container. */
function availableMemory(): number {
  return process.availableMemory?.() ?? freemem()
}
