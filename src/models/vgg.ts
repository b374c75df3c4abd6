import type { Architecture } from '../nn/graph.ts'

/** Planes of the convolutions before each max pool: configuration D of Simonyan & Zisserman (2015). */
const configurationD = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
]

/**
 * VGG-16 with batch norm as it is usual for CIFAR: 3×3 convolutions with biases, affine batch norms, one linear layer. It
 * takes images of at least 32×32 pixels.
 */
export const vgg16BnCifar: Architecture = (build, images) => {
  let x = images
  let number = 0
  for (const stage of configurationD) {
    for (const planes of stage) {
      number++
      const maps = build.conv(`conv${number}`, x, build.channels(planes), 3, { padding: 1, bias: true })
      x = build.relu(build.batchNorm(`bn${number}`, maps, { affine: true }))
    }
    x = build.maxPool(x, 2)
  }
  return build.linear('linear', build.globalAvgPool(x), build.classes, { bias: true })
}
