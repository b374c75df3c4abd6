// ResNets (He et al. 2016) for small images (3×3 stem) and for ImageNet (7×7 stem and max pool).
import { chain } from '../nn/chain.ts'
import type { Architecture } from '../nn/network.ts'
import * as ops from '../tensor/ops/index.ts'
import {
  basicBlock,
  bottleneck,
  classifierHead,
  type MakeBlock,
  preActivationBlock,
  stages,
} from './resnet-blocks.ts'

const plan = (blocks: readonly number[], planes: readonly number[]) =>
  blocks.map((count, i) => ({ planes: planes[i]!, blocks: count, stride: i === 0 ? 1 : 2 }))

const resnetPlanes = [64, 128, 256, 512]

/** ResNet-18 with a 3×3 stem: the official code's network. */
export const resnet18Cifar: Architecture = build => {
  const stem = build.channels(64)
  const entry = build.convNorm('conv1', 'bn1', build.inChannels, stem, 3, { padding: 1, relu: true })
  const body = stages(build, basicBlock, stem, plan([2, 2, 2, 2], resnetPlanes))
  return chain(entry, body.layer, classifierHead(build, body.outputs))
}

function preActivation(
  stemPlanes: number,
  blocks: readonly number[],
  planes: readonly number[],
): Architecture {
  return build => {
    const stem = build.channels(stemPlanes)
    const entry = build.conv('conv1', build.inChannels, stem, 3, { padding: 1 })
    const body = stages(build, preActivationBlock, stem, plan(blocks, planes))
    const exit = build.batchNorm('bn', body.outputs, { relu: true })
    return chain(entry, body.layer, exit, classifierHead(build, body.outputs))
  }
}

/** PreActResNet-18: the paper's network. */
export const preactResnet18 = preActivation(64, [2, 2, 2, 2], resnetPlanes)

/** WRN-34-10 (Zagoruyko & Komodakis 2016): the paper's "WideResNet32". */
export const wideResnet34x10 = preActivation(16, [5, 5, 5], [160, 320, 640])

function imageNet(block: MakeBlock, blocks: readonly number[]): Architecture {
  return build => {
    const stem = build.channels(64)
    const entry = build.convNorm('conv1', 'bn1', build.inChannels, stem, 7, {
      stride: 2,
      padding: 3,
      relu: true,
    })
    const pool = (x: Parameters<typeof ops.maxPool2d>[0]) => ops.maxPool2d(x, 3, { stride: 2, padding: 1 })
    const body = stages(build, block, stem, plan(blocks, resnetPlanes))
    return chain(entry, pool, body.layer, classifierHead(build, body.outputs))
  }
}

export const resnet18 = imageNet(basicBlock, [2, 2, 2, 2])
export const resnet50 = imageNet(bottleneck, [3, 4, 6, 3])
export const resnet101 = imageNet(bottleneck, [3, 4, 23, 3])
