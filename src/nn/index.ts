export { type Affine, BatchNorm2d, type BatchNormSpec } from './batch-norm2d.ts'
export type { DescribedOp, OpDescription } from './description.ts'
export type {
  Architecture,
  ConvLayerOptions,
  ConvNode,
  GraphNode,
  LayerBuilder,
  MapShape,
  NetworkSize,
  NodeOf,
  NormNode,
  PoolNode,
  Window,
} from './graph.ts'
export { type Initialisation, initialisations } from './initialisation.ts'
export { type LayerKernels, layerKernels } from './layer-kernels.ts'
export { type ConvSpec, MaskedConv2d } from './masked-conv2d.ts'
export { Network, type NetworkOptions, type Parameter } from './network.ts'
export { keepCount, maskShape, type Pattern, patterns } from './pattern.ts'
