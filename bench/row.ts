// One measurement, as `--json` writes it.

export const groups = ['steps', 'layers', 'inference', 'peers'] as const
export type Group = (typeof groups)[number]

export const works = [
  'pgd-step',
  'search-step',
  'train-step',
  'forward',
  'input-gradient',
  'autoattack',
] as const
/**
 * Work on the whole network; `input-gradient` is a forward pass and the loss gradient to the images, `autoattack` a
 * twentieth of AutoAttack on images that withstand it.
 */
export type Work = (typeof works)[number]
/** Work on one convolution; `weight-compile` brings a weight into the forms of forward pass and input gradient. */
export type LayerWork = 'forward' | 'input-gradient' | 'weight-gradient' | 'weight-compile'

export const ours = 'rst-native'

export interface BenchRow {
  group: Group
  work: Work | LayerWork
  arch: string
  /** Remaining ratio of the weights; a peer computes with all of them, masked ones as zeros. */
  ratio: number
  /** Images a batch. */
  batch: number
  threads: number
  /** 'rst-native' or the name of a peer. */
  implementation: string
  /** Of each repetition. */
  seconds: number[]
  /** Null where nothing was measured. */
  median: number | null
  /** Of group `layers`: kernel, channels and input size. */
  layer?: string
  /** Of group `layers`: dense-equivalent 10⁹ operations a second, two for each weight and output pixel. */
  gflops?: number
  /** Of group `steps`: share of the time that goes to compiling weights for the kernels, median over the steps. */
  compileShare?: number
  /** Largest memory of a process that does this work only, in bytes: our device's live tensors, and all. */
  peakBytes?: { device?: number; process?: number }
  /** Of our rows in group `peers`: the peer that ran in turn with them. */
  peer?: string
  /** Of our rows in group `peers`: the peer's seconds over ours, round by round. */
  speedup?: { median: number; low: number; high: number }
  /** Why a peer was not measured, and what would install it where it did not start. */
  missing?: string
}
