export { BatchNorm2d } from './batch-norm2d.ts'
export type { DescribedOp, OpDescription } from './description.ts'
export type {
  Architecture,
  ConvLayerOptions,
  GraphNode,
  LayerBuilder,
  MapShape,
  Window,
} from './graph.ts'
export { type Initialisation, initialisations } from './initialisation.ts'
export { type LayerKernels, layerKernels } from './layer-kernels.ts'
export { MaskedConv2d } from './masked-conv2d.ts'
export { Network, type NetworkOptions, type Parameter } from './network.ts'
export { keepCount, maskShape, type Pattern, patterns } from './pattern.ts'
