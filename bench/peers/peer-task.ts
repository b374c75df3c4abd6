// What a peer under Node does: the same work on the inputs of a model file.
import type { PeerModel } from './model-file.ts'

export interface PeerTask {
  run(): Promise<void>
  /** Logits [N, classes], and where the work computes it, the gradient to the images. */
  check(): Promise<{ logits: Float32Array; gradient?: Float32Array }>
}

export interface PeerSettings {
  /** One of the works that peers.ts lists for this peer. */
  work: 'forward' | 'input-gradient'
  threads: number
  model: PeerModel
  /** `require` for the packages of bench/peers. */
  load: NodeJS.Require
}
