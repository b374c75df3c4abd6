// What tickets and dense models share: a network in eval mode as a classifier.
import type { Classifier } from '../attacks/classifier.ts'
import type { Device } from '../tensor/device.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Network } from './network.ts'

export abstract class NetworkClassifier implements Classifier {
  readonly network: Network

  /** Takes ownership of the network. */
  constructor(network: Network) {
    network.mode = 'eval'
    this.network = network
  }

  get numClasses(): number {
    return this.network.numClasses
  }
  get inputShape(): readonly [number, number, number] {
    return this.network.inputShape
  }
  get device(): Device {
    return this.network.device
  }

  /** [N, C, H, W] in [0, 1] → [N, classes] */
  logits(x: Tensor): Tensor {
    return this.network.logits(x)
  }

  dispose(): void {
    this.network.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }
}
