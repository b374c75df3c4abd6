// MobileNetV2 (Sandler et al. 2018) for small images: strides for CIFAR, ReLU for ReLU6, and a 1×1 shortcut where a block of
// stride 1 changes its channels, as is usual for CIFAR.
import type { Architecture, GraphNode, LayerBuilder } from '../nn/graph.ts'

const stages = [
  { expansion: 1, planes: 16, blocks: 1, stride: 1 },
  { expansion: 6, planes: 24, blocks: 2, stride: 1 },
  { expansion: 6, planes: 32, blocks: 3, stride: 2 },
  { expansion: 6, planes: 64, blocks: 4, stride: 2 },
  { expansion: 6, planes: 96, blocks: 3, stride: 1 },
  { expansion: 6, planes: 160, blocks: 3, stride: 2 },
  { expansion: 6, planes: 320, blocks: 1, stride: 1 },
]

/** A convolution without bias and the affine batch norm of its result. */
function convNorm(
  build: LayerBuilder,
  [conv, norm]: [conv: string, norm: string],
  x: GraphNode,
  outputs: number,
  kernel: number,
  options: { stride?: number; padding?: number; groups?: number } = {},
): GraphNode {
  return build.batchNorm(norm, build.conv(conv, x, outputs, kernel, options), { affine: true })
}

/** 1×1 expansion, depthwise 3×3 with the stride, 1×1 projection without ReLU. */
function invertedResidual(
  build: LayerBuilder,
  name: string,
  x: GraphNode,
  outputs: number,
  { expansion, stride }: { expansion: number; stride: number },
): GraphNode {
  const layer = (part: string): [string, string] => [`${name}.conv${part}`, `${name}.bn${part}`]
  const hidden = expansion * x.shape[0]
  const expanded = build.relu(convNorm(build, layer('1'), x, hidden, 1))
  const depthwise = { stride, padding: 1, groups: hidden }
  const filtered = build.relu(convNorm(build, layer('2'), expanded, hidden, 3, depthwise))
  const projected = convNorm(build, layer('3'), filtered, outputs, 1)
  if (stride !== 1) return projected
  if (x.shape[0] === outputs) return build.add(projected, x)
  const names: [string, string] = [`${name}.shortcut`, `${name}.shortcutBn`]
  return build.add(projected, convNorm(build, names, x, outputs, 1))
}

export const mobilenetV2Cifar: Architecture = (build, images) => {
  const stem = convNorm(build, ['conv1', 'bn1'], images, build.channels(32), 3, { padding: 1 })
  let x = build.relu(stem)
  stages.forEach(({ expansion, planes, blocks, stride }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const options = { expansion, stride: block === 0 ? stride : 1 }
      x = invertedResidual(build, `layer${stage + 1}.${block}`, x, build.channels(planes), options)
    }
  })
  const last = convNorm(build, ['layer8.0.conv1', 'layer8.0.bn1'], x, build.channels(1280), 1)
  return build.linear('linear', build.globalAvgPool(build.relu(last)), build.classes, { bias: true })
}
