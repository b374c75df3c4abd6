// resnet18-cifar in eval mode, for whatever a peer builds it of.
import type { FoldedConv } from './model-file.ts'

export interface GraphBuilder<T> {
  conv(x: T, conv: FoldedConv, options: { stride: number; relu: boolean }): T
  /** relu(a + b) */
  addRelu(a: T, b: T): T
  /** [N, C, H, W] → [N, C, 1, 1] */
  globalAveragePool(x: T): T
}

/** From normalised images to logits [N, classes, 1, 1]. */
export function resnet18Cifar<T>(
  build: GraphBuilder<T>,
  convolutions: ReadonlyMap<string, FoldedConv>,
  images: T,
): T {
  const conv = (x: T, name: string, stride: number, relu: boolean) => {
    const layer = convolutions.get(name)
    if (!layer) throw new Error(`The model file has no convolution ${name}.`)
    return build.conv(x, layer, { stride, relu })
  }
  let x = conv(images, 'conv1', 1, true)
  for (let stage = 1; stage <= 4; stage++) {
    for (let block = 0; block < 2; block++) {
      const name = `layer${stage}.${block}`
      const stride = stage > 1 && block === 0 ? 2 : 1
      const body = conv(conv(x, `${name}.conv1`, stride, true), `${name}.conv2`, 1, false)
      const shortcut = stride === 1 ? x : conv(x, `${name}.shortcut`, stride, false)
      x = build.addRelu(body, shortcut)
    }
  }
  return conv(build.globalAveragePool(x), 'linear', 1, false)
}
