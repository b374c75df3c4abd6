// A reader of network descriptions that knows the ops and nothing of networks.
import type { OpDescription } from '../../src/nn/description.ts'
import type { Network } from '../../src/nn/network.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/**
 * Computes a network's logits from its description and its tensors alone.
 * @param mode of its batch norms
 * @returns all results by name; inside a scope, since none is freed
 */
export function execute(network: Network, images: Tensor, mode: 'train' | 'eval'): Map<string, Tensor> {
  const tensors = network.tensors()
  const results = new Map([['images', images]])
  for (const call of network.describe()) results.set(call.name, resultOf(call, results, tensors, mode))
  return results
}

function resultOf(
  { op, inputs, attributes, parameters }: OpDescription,
  results: ReadonlyMap<string, Tensor>,
  tensors: ReadonlyMap<string, Tensor>,
  mode: 'train' | 'eval',
): Tensor {
  const [x, y] = inputs.map(name => results.get(name)!)
  const { weight, bias, runningMean, runningVar, gamma, beta } = Object.fromEntries(
    Object.entries(parameters).map(([role, name]) => [role, tensors.get(name)!]),
  )
  const options = { ...attributes } as Record<string, never>
  switch (op) {
    case 'normalize':
      return ops.normalize(x, options.mean, options.std)
    case 'conv2d':
      return ops.conv2d(x, weight, options)
    case 'biasAdd':
      return ops.biasAdd(x, bias)
    case 'batchNorm':
      return ops.batchNorm(x, runningMean, runningVar, { mode, residual: y, gamma, beta, ...options })
    case 'convBatchNorm':
      return ops.convBatchNorm(x, weight, runningMean, runningVar, { residual: y, ...options })
    case 'relu':
      return ops.relu(x)
    case 'add':
      return ops.add(x, y)
    case 'maxPool2d': {
      const { kernel, ...window } = options
      return ops.maxPool2d(x, kernel, window)
    }
    case 'avgPool2d': {
      const { kernel, ...window } = options
      return ops.avgPool2d(x, kernel, window)
    }
    case 'globalAvgPool':
      return ops.globalAvgPool(x)
    case 'reshape':
      return ops.reshape(x, options.shape)
  }
}
