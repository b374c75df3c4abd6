import type { Architecture } from '../nn/graph.ts'

/**
 * LeNet-5 (LeCun et al. 1998) with ReLUs: convolutions with biases, average pools, three linear layers. It is made for
 * 32×32 pixels; smaller images get a border of 2, which makes MNIST's 28×28 that size.
 */
export const lenet5: Architecture = (build, images) => {
  const bias = true
  const padding = Math.min(images.shape[1], images.shape[2]) < 32 ? 2 : 0
  const first = build.relu(build.conv('conv1', images, build.channels(6), 5, { padding, bias }))
  const second = build.conv('conv2', build.avgPool(first, 2), build.channels(16), 5, { bias })
  const pooled = build.avgPool(build.relu(second), 2)
  const third = build.relu(build.linear('fc1', pooled, build.channels(120), { bias }))
  const fourth = build.relu(build.linear('fc2', third, build.channels(84), { bias }))
  return build.linear('fc3', fourth, build.classes, { bias })
}
