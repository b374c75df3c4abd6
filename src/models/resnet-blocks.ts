// The residual blocks that the ResNet families share.
import type { GraphNode, LayerBuilder } from '../nn/graph.ts'

/** Adds a block's layers; `planes` is its base width, before the network's width multiplier. */
export type Block = (
  build: LayerBuilder,
  name: string,
  x: GraphNode,
  planes: number,
  stride: number,
) => GraphNode

/** The 1×1 convolution that takes the place of the identity where the shape changes. */
function shortcut(build: LayerBuilder, name: string, x: GraphNode, outputs: number, stride: number) {
  const changes = stride !== 1 || x.shape[0] !== outputs
  return changes ? build.conv(`${name}.shortcut`, x, outputs, 1, { stride }) : x
}

/** relu(maps + shortcut(x)), the shortcut with a batch norm of its own (ResNet). */
function postActivation(
  build: LayerBuilder,
  name: string,
  [x, maps]: [GraphNode, GraphNode],
  stride: number,
): GraphNode {
  const short = shortcut(build, name, x, maps.shape[0], stride)
  return build.relu(build.add(maps, short === x ? x : build.batchNorm(`${name}.shortcutBn`, short)))
}

/** Two 3×3 convolutions, ReLU after the addition (He et al. 2016a). */
export const basicBlock: Block = (build, name, x, planes, stride) => {
  const outputs = build.channels(planes)
  const first = build.conv(`${name}.conv1`, x, outputs, 3, { stride, padding: 1 })
  const hidden = build.relu(build.batchNorm(`${name}.bn1`, first))
  const second = build.conv(`${name}.conv2`, hidden, outputs, 3, { padding: 1 })
  return postActivation(build, name, [x, build.batchNorm(`${name}.bn2`, second)], stride)
}

/** 1×1, 3×3 and 1×1 convolutions, the last four times as wide; the 3×3 carries the stride. */
export const bottleneck: Block = (build, name, x, planes, stride) => {
  const inner = build.channels(planes)
  const first = build.conv(`${name}.conv1`, x, inner, 1)
  const narrow = build.relu(build.batchNorm(`${name}.bn1`, first))
  const second = build.conv(`${name}.conv2`, narrow, inner, 3, { stride, padding: 1 })
  const seen = build.relu(build.batchNorm(`${name}.bn2`, second))
  const third = build.conv(`${name}.conv3`, seen, build.channels(4 * planes), 1)
  return postActivation(build, name, [x, build.batchNorm(`${name}.bn3`, third)], stride)
}

/** Batch norm and ReLU before each convolution (He et al. 2016b); a 1×1 shortcut sees the activated input. */
export const preActivationBlock: Block = (build, name, x, planes, stride) => {
  const outputs = build.channels(planes)
  const activated = build.relu(build.batchNorm(`${name}.bn1`, x))
  const first = build.conv(`${name}.conv1`, activated, outputs, 3, { stride, padding: 1 })
  const hidden = build.relu(build.batchNorm(`${name}.bn2`, first))
  const second = build.conv(`${name}.conv2`, hidden, outputs, 3, { padding: 1 })
  const short = shortcut(build, name, activated, outputs, stride)
  return build.add(second, short === activated ? x : short)
}

/** The blocks of all stages in order, named layer1.0, layer1.1, …; a stage's stride is its first block's. */
export function stages(
  build: LayerBuilder,
  block: Block,
  x: GraphNode,
  plan: readonly { planes: number; blocks: number; stride: number }[],
): GraphNode {
  let maps = x
  plan.forEach(({ planes, blocks, stride }, stage) => {
    for (let i = 0; i < blocks; i++)
      maps = block(build, `layer${stage + 1}.${i}`, maps, planes, i === 0 ? stride : 1)
  })
  return maps
}

/** Global average pool and the 1×1 classifier (decision D3). */
export function classifierHead(build: LayerBuilder, x: GraphNode): GraphNode {
  return build.conv('linear', build.globalAvgPool(x), build.classes, 1)
}
