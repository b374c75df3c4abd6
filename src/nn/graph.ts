// The layers that an architecture asks for and how their results flow, before any memory is taken.
import { ConfigError } from '../errors.ts'
import { callback, count, flag, kind, required, text } from '../inputs/kinds.ts'
import { checkOption, checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'

/** [channels, height, width] of what an image becomes. */
export type MapShape = readonly [channels: number, height: number, width: number]

/** What all kinds of layers have. */
export interface NodeOf<Op extends string> {
  /** Which kind of layer it is. */
  readonly op: Op
  /** Unique in the network. */
  readonly name: string
  /** The layers whose results it takes. */
  readonly inputs: readonly GraphNode[]
  /** Of the result for one image. */
  readonly shape: MapShape
}

/** A convolution of an architecture. */
export interface ConvNode extends NodeOf<'conv2d'> {
  /** [K, C / groups, R, S] */
  readonly weightShape: readonly number[]
  /** Pixels between two windows. */
  readonly stride: number
  /** Zero pixels around the image. */
  readonly padding: number
  /** Blocks of channels that see each other. */
  readonly groups: number
  /** Whether the layer has one once it is trained. */
  readonly bias: boolean
  /** Whether it was asked for as a fully connected layer. */
  readonly linear: boolean
}

/** A batch norm of an architecture. */
export interface NormNode extends NodeOf<'batchNorm'> {
  /** Whether it has scale and shift once it is trained. */
  readonly affine: boolean
}

/** A pooling of an architecture. */
export interface PoolNode extends NodeOf<'maxPool2d' | 'avgPool2d'> {
  /** Height and width of the windows, pixels. */
  readonly kernel: number
  /** Pixels between two windows. */
  readonly stride: number
  /** Pixels around the image. */
  readonly padding: number
}

/** A layer of an architecture, and what stands for its result where others take it. */
export type GraphNode =
  | ConvNode
  | NormNode
  | PoolNode
  | NodeOf<'images' | 'normalize' | 'relu' | 'add' | 'globalAvgPool' | 'flatten'>

/** Where the windows of a convolution or pooling lie. */
export interface Window {
  /** Pixels between two windows, ≥ 1. Default 1, of pools their kernel. */
  stride?: number
  /** Zero pixels around the image, ≥ 0. Default 0. */
  padding?: number
}

/** A convolution that an architecture asks for. */
export interface ConvLayerOptions extends Window {
  /** Blocks of channels that see each other, a divisor of both; as many as inputs: a depthwise convolution. Default 1. */
  groups?: number
  /** Whether it has a bias once it is trained. Default false. */
  bias?: boolean
}

/**
 * What an architecture is made with. Weighted layers and batch norms have names, unique in the network; the order in which
 * they are asked for numbers their random streams, and must be the natural order of the names (docs/ticket-format.md).
 */
export interface LayerBuilder {
  /** How many logits the network must have. */
  readonly classes: number
  /**
   * A width times the network's width multiplier, rounded, at least 1.
   * @param base channels at width 1
   */
  channels(base: number): number
  /**
   * A convolution; its result is [outputs, H', W'].
   * @param name of the layer, unique in the network
   * @param x what it convolves
   * @param outputs channels of the result
   * @param kernel height and width of the window, pixels
   * @param options stride, padding, groups and bias
   * @throws ConfigError
   */
  conv(name: string, x: GraphNode, outputs: number, kernel: number, options?: ConvLayerOptions): GraphNode
  /**
   * A fully connected layer on all of x: a 1×1 convolution of its flattened maps; the result is [outputs, 1, 1].
   * @param name of the layer, unique in the network
   * @param x what it takes, of any shape
   * @param outputs channels of the result
   * @param options whether it has a bias once it is trained; default false
   * @throws ConfigError
   */
  linear(name: string, x: GraphNode, outputs: number, options?: { bias?: boolean }): GraphNode
  /**
   * A batch norm; its result has the shape of x.
   * @param name of the layer, unique in the network
   * @param x what it normalises
   * @param options whether it has scale and shift once it is trained; default false
   * @throws ConfigError
   */
  batchNorm(name: string, x: GraphNode, options?: { affine?: boolean }): GraphNode
  /**
   * max(x, 0), of the shape of x.
   * @throws ConfigError
   */
  relu(x: GraphNode): GraphNode
  /**
   * a + b, of one shape. Where a is the result of a batch norm, it is added in the same pass.
   * @throws ConfigError for other shapes
   */
  add(a: GraphNode, b: GraphNode): GraphNode
  /**
   * The largest value of each window.
   * @param x what it pools
   * @param kernel height and width of the windows, pixels
   * @param options stride (default: kernel) and padding
   * @throws ConfigError
   */
  maxPool(x: GraphNode, kernel: number, options?: Window): GraphNode
  /**
   * The mean of each window; padding counts as zeros.
   * @param x what it pools
   * @param kernel height and width of the windows, pixels
   * @param options stride (default: kernel) and padding
   * @throws ConfigError
   */
  avgPool(x: GraphNode, kernel: number, options?: Window): GraphNode
  /**
   * The mean of each channel of x, [C, 1, 1].
   * @throws ConfigError
   */
  globalAvgPool(x: GraphNode): GraphNode
}

/** From normalised images to logits [classes, 1, 1]. */
export type Architecture = (build: LayerBuilder, images: GraphNode) => GraphNode

/** What the shape of a network depends on beside its architecture. */
export interface NetworkSize {
  /** How many logits it has, ≥ 2. */
  classes: number
  /** Channels of the images, ≥ 1. */
  inChannels: number
  /** [height, width] of the images, pixels. */
  imageSize: readonly [number, number]
  /** Multiplier of every hidden layer's channels, above 0 and up to 64. */
  width: number
}

export interface Graph {
  /** In the order in which they were asked for, the images first. */
  readonly nodes: readonly GraphNode[]
  readonly convolutions: readonly ConvNode[]
  readonly batchNorms: readonly NormNode[]
  /** The logits, [classes, 1, 1]. */
  readonly result: GraphNode
}

const windowRows: OptionRows<Window> = { stride: count(), padding: count(0) }
const convRows: OptionRows<ConvLayerOptions> = { ...windowRows, groups: count(), bias: flag }
const linearRows = { bias: flag }
const normRows = { affine: flag }
const nameRow = required(text)
const countRow = required(count())
const architectureRow = required(callback)

/** @throws ConfigError for what is no architecture, and for images too small for it */
export function graphOf(
  architecture: Architecture,
  { classes, inChannels, imageSize: [height, width], width: multiplier }: NetworkSize,
): Graph {
  checkOption('architecture', architecture, architectureRow, 'Network')
  const nodes: GraphNode[] = []
  const convolutions: ConvNode[] = []
  const batchNorms: NormNode[] = []
  const names = new Set<string>()
  const counts: Record<string, number> = {}
  const nodeRow = required(kind('a result of this builder', value => nodes.includes(value as GraphNode)))

  const checkInput = (x: unknown, of: string) => checkOption('x', x, nodeRow, of)
  const checkName = (name: unknown) => {
    checkOption('name', name, nameRow, 'a layer')
    if (names.has(name as string))
      throw new ConfigError(`Expected layers of different names but ${name} came twice.`, 'name')
    names.add(name as string)
  }
  const add = <Node extends GraphNode>(node: Node): Node => {
    nodes.push(node)
    return node
  }
  const unnamed = (op: string) => {
    counts[op] = (counts[op] ?? 0) + 1
    return `${op}.${counts[op]}`
  }
  const plain = (
    op: 'images' | 'normalize' | 'relu' | 'add' | 'globalAvgPool' | 'flatten',
    inputs: GraphNode[],
    shape: MapShape = inputs[0]!.shape,
  ) => add({ op, name: op === 'images' ? op : unnamed(op), inputs, shape })

  const pool = (op: 'maxPool2d' | 'avgPool2d', x: GraphNode, kernel: number, options: Window) => {
    checkInput(x, op)
    checkOption('kernel', kernel, countRow, op)
    checkOptions(op, options, windowRows)
    const { stride = kernel, padding = 0 } = options
    const name = unnamed(op)
    const shape = windowed(name, x.shape, x.shape[0], kernel, { stride, padding })
    return add({ op, name, inputs: [x], shape, kernel, stride, padding })
  }

  const conv = (
    name: string,
    x: GraphNode,
    outputs: number,
    kernel: number,
    {
      stride = 1,
      padding = 0,
      groups = 1,
      bias = false,
      linear = false,
    }: ConvLayerOptions & { linear?: boolean },
  ) => {
    checkName(name)
    checkInput(x, name)
    checkOption('outputs', outputs, countRow, name)
    checkOption('kernel', kernel, countRow, name)
    const [inputs] = x.shape
    if (inputs % groups !== 0 || outputs % groups !== 0) {
      throw new ConfigError(
        `Expected groups of ${name} to divide its ${inputs} inputs and ${outputs} outputs but it is ${groups}.`,
        'groups',
      )
    }
    const weightShape = [outputs, inputs / groups, kernel, kernel]
    const shape = windowed(name, x.shape, outputs, kernel, { stride, padding })
    const geometry = { weightShape, stride, padding, groups, bias, linear }
    const node: ConvNode = add({ op: 'conv2d', name, inputs: [x], shape, ...geometry })
    convolutions.push(node)
    return node
  }

  const builder: LayerBuilder = {
    classes,
    channels: base => Math.max(1, Math.round(base * multiplier)),
    conv(name, x, outputs, kernel, options = {}) {
      checkOptions(name, options, convRows)
      return conv(name, x, outputs, kernel, options)
    },
    linear(name, x, outputs, options = {}) {
      checkInput(x, name)
      checkOptions(name, options, linearRows)
      const [channels, rows, columns] = x.shape
      const flat = rows * columns === 1 ? x : plain('flatten', [x], [channels * rows * columns, 1, 1])
      return conv(name, flat, outputs, 1, { ...options, linear: true })
    },
    batchNorm(name, x, options = {}) {
      checkName(name)
      checkInput(x, name)
      checkOptions(name, options, normRows)
      const { affine = false } = options
      const node: NormNode = add({ op: 'batchNorm', name, inputs: [x], shape: x.shape, affine })
      batchNorms.push(node)
      return node
    },
    relu(x) {
      checkInput(x, 'relu')
      return plain('relu', [x])
    },
    add(a, b) {
      checkInput(a, 'add')
      checkInput(b, 'add')
      if (a.shape.join() !== b.shape.join()) {
        throw new ConfigError(
          `Expected maps of one shape to add but ${a.name} has [${a.shape.join(', ')}] and ${b.name} [${b.shape.join(', ')}].`,
          'x',
        )
      }
      return plain('add', [a, b])
    },
    maxPool: (x, kernel, options = {}) => pool('maxPool2d', x, kernel, options),
    avgPool: (x, kernel, options = {}) => pool('avgPool2d', x, kernel, options),
    globalAvgPool(x) {
      checkInput(x, 'globalAvgPool')
      return plain('globalAvgPool', [x], [x.shape[0], 1, 1])
    },
  }

  const images = plain('normalize', [plain('images', [], [inChannels, height, width])])
  const result = architecture(builder, images)
  if (!nodes.includes(result) || result.shape.join() !== [classes, 1, 1].join()) {
    const came = nodes.includes(result) ? `[${result.shape.join(', ')}]` : describeValue(result)
    throw new ConfigError(
      `Expected an architecture that returns its logits, [${classes}, 1, 1], but received ${came}.`,
      'architecture',
    )
  }
  return { nodes, convolutions, batchNorms, result }
}

function windowed(
  name: string,
  [, height, width]: MapShape,
  channels: number,
  kernel: number,
  { stride, padding }: Required<Window>,
): MapShape {
  const side = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1
  if (Math.min(height, width) + 2 * padding < kernel) {
    throw new ConfigError(
      `Expected images large enough for all layers but ${name}, with a window of ${kernel}×${kernel}, is left with ${height}×${width} pixels.`,
      'imageSize',
    )
  }
  return [channels, side(height), side(width)]
}
