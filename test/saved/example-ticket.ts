import { keepCount, maskShape } from '../../src/nn/pattern.ts'
import type { TicketData, TicketMetadata } from '../../src/saved/ticket-data.ts'

export const metadata: TicketMetadata = {
  format: 'rst-ticket/1',
  arch: 'conv2',
  width: 0.5,
  classes: 10,
  inChannels: 1,
  imageSize: [28, 28],
  init: 'signed-kaiming-constant',
  weightSeed: 3,
  scoreSeed: 4,
  remainingRatio: 0.3,
  pattern: 'element',
  dataset: 'fashion-mnist',
  normalisation: { mean: [0.286], std: [0.353] },
  recipe: { epochs: 2, inner: { name: 'pgd', eps: 0.1 } },
  accuracies: { natural: 0.7, robust: 0.45 },
  libraryVersion: '0.1.0',
}

const weightShapes: Record<string, number[]> = {
  conv1: [3, 1, 3, 3],
  conv2: [5, 3, 3, 3],
  'head.fc': [10, 5, 1, 1],
}

/** Three layers that keep their first weights, two batch norms; with kept weights when `fineTuned`. */
export function exampleTicket(change: Partial<TicketMetadata> = {}, fineTuned = false): TicketData {
  const all = { ...metadata, ...change }
  const masks = new Map()
  const weights = new Map<string, Float32Array>()
  for (const [layer, weightShape] of Object.entries(weightShapes)) {
    const shape = maskShape(weightShape, all.pattern)
    const count = shape.reduce((a, b) => a * b, 1)
    const kept = keepCount(count, all.remainingRatio)
    const bits = new Uint8Array(Math.ceil(count / 8))
    for (let i = 0; i < kept; i++) bits[i >> 3] |= 1 << (i & 7)
    masks.set(layer, { weightShape, shape, bits })
    const groupSize = weightShape.reduce((a, b) => a * b, 1) / count
    weights.set(
      layer,
      Float32Array.from({ length: kept * groupSize }, (_, i) => i / 7),
    )
  }
  const runningMean = new Map([
    ['bn1', new Float32Array([0.5, -0.5, 0])],
    ['bn2', new Float32Array(5)],
  ])
  const runningVar = new Map([
    ['bn1', new Float32Array([1, 0, 2])],
    ['bn2', new Float32Array(5).fill(1)],
  ])
  return { metadata: all, masks, runningMean, runningVar, ...(fineTuned && { weights }) }
}

export const architecture = {
  layers: Object.entries(weightShapes).map(([name, weightShape]) => ({ name, weightShape })),
  batchNorms: [
    { name: 'bn1', channels: 3 },
    { name: 'bn2', channels: 5 },
  ],
}
