// ResNets (He et al. 2016) for small images (3×3 stem) and for ImageNet (7×7 stem and max pool).
import type { Architecture } from '../nn/graph.ts'
import {
  type Block,
  basicBlock,
  bottleneck,
  classifierHead,
  preActivationBlock,
  stages,
} from './resnet-blocks.ts'

const plan = (blocks: readonly number[], planes: readonly number[]) =>
  blocks.map((count, i) => ({ planes: planes[i]!, blocks: count, stride: i === 0 ? 1 : 2 }))

const resnetPlanes = [64, 128, 256, 512]

/** ResNet-18 with a 3×3 stem: the official code's network. */
export const resnet18Cifar: Architecture = (build, images) => {
  const stem = build.conv('conv1', images, build.channels(64), 3, { padding: 1 })
  const entry = build.relu(build.batchNorm('bn1', stem))
  return classifierHead(build, stages(build, basicBlock, entry, plan([2, 2, 2, 2], resnetPlanes)))
}

function preActivation(
  stemPlanes: number,
  blocks: readonly number[],
  planes: readonly number[],
): Architecture {
  return (build, images) => {
    const stem = build.conv('conv1', images, build.channels(stemPlanes), 3, { padding: 1 })
    const body = stages(build, preActivationBlock, stem, plan(blocks, planes))
    return classifierHead(build, build.relu(build.batchNorm('bn', body)))
  }
}

/** PreActResNet-18: the paper's network. */
export const preactResnet18 = preActivation(64, [2, 2, 2, 2], resnetPlanes)

/** WRN-34-10 (Zagoruyko & Komodakis 2016): the paper's "WideResNet32". */
export const wideResnet34x10 = preActivation(16, [5, 5, 5], [160, 320, 640])

function imageNet(block: Block, blocks: readonly number[]): Architecture {
  return (build, images) => {
    const stem = build.conv('conv1', images, build.channels(64), 7, { stride: 2, padding: 3 })
    const entry = build.relu(build.batchNorm('bn1', stem))
    const pooled = build.maxPool(entry, 3, { stride: 2, padding: 1 })
    return classifierHead(build, stages(build, block, pooled, plan(blocks, resnetPlanes)))
  }
}

export const resnet18 = imageNet(basicBlock, [2, 2, 2, 2])
export const resnet50 = imageNet(bottleneck, [3, 4, 6, 3])
export const resnet101 = imageNet(bottleneck, [3, 4, 23, 3])
