// A network told as a list of ops, for programs that take it elsewhere.

/** One call of an op. A network's calls, one after the other, are what its `logits` computes. */
export interface OpDescription {
  /** By which other ops take its result; that of the last is the logits. */
  readonly name: string
  /** A function of `ops`. */
  readonly op: DescribedOp
  /** Names of the results that it takes, in the order of the function's; 'images' are the network's input. */
  readonly inputs: readonly string[]
  /** Arguments and options that are no tensors; a shape's −1 is the number of images. */
  readonly attributes: Readonly<Record<string, number | boolean | readonly number[]>>
  /** Tensors of the network that it takes, by what they are to the op; `Network.tensors` has them by these names. */
  readonly parameters: Readonly<Record<string, string>>
  /** Of the result for one image. */
  readonly shape: readonly number[]
}

/** A function of `ops` that networks are made of. */
export type DescribedOp =
  | 'normalize'
  | 'conv2d'
  | 'biasAdd'
  | 'batchNorm'
  | 'convBatchNorm'
  | 'relu'
  | 'add'
  | 'maxPool2d'
  | 'avgPool2d'
  | 'globalAvgPool'
  | 'reshape'

export const describedOps: readonly DescribedOp[] = [
  'normalize',
  'conv2d',
  'biasAdd',
  'batchNorm',
  'convBatchNorm',
  'relu',
  'add',
  'maxPool2d',
  'avgPool2d',
  'globalAvgPool',
  'reshape',
]
