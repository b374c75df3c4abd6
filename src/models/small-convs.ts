// Plain convolutional networks for laptops and tests, after Conv-2/4/6 of Frankle & Carbin (2019): pairs of 3×3
// convolutions, each pair followed by a max pool; then the 3×3 convolution and pooling that stand for their dense
// layers, so that the networks take images of any size.
import { chain } from '../nn/chain.ts'
import type { Architecture, Layer } from '../nn/network.ts'
import * as ops from '../tensor/ops/index.ts'
import { classifierHead } from './resnet-blocks.ts'

function convNet(pairs: number): Architecture {
  return build => {
    const layers: Layer[] = []
    let inputs = build.inChannels
    const conv = (name: string, base: number) => {
      const outputs = build.channels(base)
      layers.push(build.convNorm(`conv${name}`, `bn${name}`, inputs, outputs, 3, { padding: 1, relu: true }))
      inputs = outputs
    }
    for (let pair = 0; pair < pairs; pair++) {
      conv(`${2 * pair + 1}`, 64 << pair)
      conv(`${2 * pair + 2}`, 64 << pair)
      layers.push(x => ops.maxPool2d(x, 2))
    }
    conv(`${2 * pairs + 1}`, 64 << pairs)
    return chain(...layers, classifierHead(build, inputs))
  }
}

export const conv2 = convNet(1)
export const conv4 = convNet(2)
export const conv6 = convNet(3)
