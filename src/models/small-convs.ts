// Plain convolutional networks for laptops and tests, after Conv-2/4/6 of Frankle & Carbin (2019): pairs of 3×3
// convolutions, each pair followed by a max pool; then the 3×3 convolution and pooling that stand for their dense
// layers, so that the networks take images of any size.
import type { Architecture } from '../nn/graph.ts'
import { classifierHead } from './resnet-blocks.ts'

function convNet(pairs: number): Architecture {
  return (build, images) => {
    let x = images
    const conv = (number: number, base: number) => {
      const maps = build.conv(`conv${number}`, x, build.channels(base), 3, { padding: 1 })
      x = build.relu(build.batchNorm(`bn${number}`, maps))
    }
    for (let pair = 0; pair < pairs; pair++) {
      conv(2 * pair + 1, 64 << pair)
      conv(2 * pair + 2, 64 << pair)
      x = build.maxPool(x, 2)
    }
    conv(2 * pairs + 1, 64 << pairs)
    return classifierHead(build, x)
  }
}

export const conv2 = convNet(1)
export const conv4 = convNet(2)
export const conv6 = convNet(3)
