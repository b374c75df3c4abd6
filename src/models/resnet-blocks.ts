// The residual blocks that the ResNet families share.
import { chain } from '../nn/chain.ts'
import type { Layer, LayerBuilder } from '../nn/network.ts'
import * as ops from '../tensor/ops/index.ts'
import { release } from '../tensor/tape.ts'

export interface Block {
  readonly layer: Layer
  /** Channels of its result. */
  readonly outputs: number
}

/** `planes` is the block's base width, before the network's width multiplier. */
export type MakeBlock = (
  build: LayerBuilder,
  name: string,
  inputs: number,
  planes: number,
  stride: number,
) => Block

/** relu(last(body(x)) + shortcut(x)); the shortcut is a 1×1 convolution where the shape changes (ResNet). */
function postActivation(
  build: LayerBuilder,
  name: string,
  [inputs, outputs, stride]: [number, number, number],
  body: Layer,
  last: ReturnType<LayerBuilder['convNorm']>,
): Block {
  const changes = stride !== 1 || inputs !== outputs
  const shortcut = changes
    ? build.convNorm(`${name}.shortcut`, `${name}.shortcutBn`, inputs, outputs, 1, { stride })
    : null
  const layer: Layer = x => {
    const hidden = body(x)
    const residual = shortcut ? shortcut(x) : x
    const y = last(hidden, residual)
    release(hidden)
    if (residual !== x) release(residual)
    return y
  }
  return { layer, outputs }
}

/** Two 3×3 convolutions, ReLU after the addition (He et al. 2016a). */
export const basicBlock: MakeBlock = (build, name, inputs, planes, stride) => {
  const outputs = build.channels(planes)
  const options = { padding: 1, relu: true }
  const body = build.convNorm(`${name}.conv1`, `${name}.bn1`, inputs, outputs, 3, { stride, ...options })
  const last = build.convNorm(`${name}.conv2`, `${name}.bn2`, outputs, outputs, 3, options)
  return postActivation(build, name, [inputs, outputs, stride], body, last)
}

/** 1×1, 3×3 and 1×1 convolutions, the last four times as wide; the 3×3 carries the stride. */
export const bottleneck: MakeBlock = (build, name, inputs, planes, stride) => {
  const inner = build.channels(planes)
  const outputs = build.channels(4 * planes)
  const relu = true
  const body = chain(
    build.convNorm(`${name}.conv1`, `${name}.bn1`, inputs, inner, 1, { relu }),
    build.convNorm(`${name}.conv2`, `${name}.bn2`, inner, inner, 3, { stride, padding: 1, relu }),
  )
  const last = build.convNorm(`${name}.conv3`, `${name}.bn3`, inner, outputs, 1, { relu })
  return postActivation(build, name, [inputs, outputs, stride], body, last)
}

/** Batch norm and ReLU before each convolution (He et al. 2016b); a 1×1 shortcut sees the activated input. */
export const preActivationBlock: MakeBlock = (build, name, inputs, planes, stride) => {
  const outputs = build.channels(planes)
  const activate = build.batchNorm(`${name}.bn1`, inputs, { relu: true })
  const body = chain(
    build.convNorm(`${name}.conv1`, `${name}.bn2`, inputs, outputs, 3, { stride, padding: 1, relu: true }),
    build.conv(`${name}.conv2`, outputs, outputs, 3, { padding: 1 }),
  )
  const changes = stride !== 1 || inputs !== outputs
  const shortcut = changes ? build.conv(`${name}.shortcut`, inputs, outputs, 1, { stride }) : null
  const layer: Layer = x => {
    const activated = activate(x)
    const maps = body(activated)
    const residual = shortcut ? shortcut(activated) : x
    release(activated)
    const y = ops.add(maps, residual)
    release(maps)
    if (residual !== x) release(residual)
    return y
  }
  return { layer, outputs }
}

/** The blocks of all stages in order, named layer1.0, layer1.1, …; a stage's stride is its first block's. */
export function stages(
  build: LayerBuilder,
  makeBlock: MakeBlock,
  inputs: number,
  plan: readonly { planes: number; blocks: number; stride: number }[],
): Block {
  const layers: Layer[] = []
  let channels = inputs
  plan.forEach(({ planes, blocks, stride }, stage) => {
    for (let i = 0; i < blocks; i++) {
      const block = makeBlock(build, `layer${stage + 1}.${i}`, channels, planes, i === 0 ? stride : 1)
      layers.push(block.layer)
      channels = block.outputs
    }
  })
  return { layer: chain(...layers), outputs: channels }
}

/** Global average pool and the 1×1 classifier (decision D3). */
export function classifierHead(build: LayerBuilder, inputs: number): Layer {
  return chain(ops.globalAvgPool, build.conv('linear', inputs, build.classes, 1))
}
