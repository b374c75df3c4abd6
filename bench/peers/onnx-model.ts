// resnet18-cifar as an ONNX file: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the field numbers.
import type { FoldedConv, PeerModel } from './model-file.ts'
import { ProtoWriter } from './protobuf.ts'
import { type GraphBuilder, resnet18Cifar } from './resnet18-graph.ts'

const irVersion = 8
const opset = 13
const floatType = 1
const intsAttribute = 7

export const inputName = 'images'
export const outputName = 'logits'

/**
 * A ModelProto from images [N, C, H, W] in [0, 1] to logits [N, classes, 1, 1].
 * @param batch N, or a name for any; default: the model's own
 */
export function encodeOnnx(model: PeerModel, batch: number | string = model.imageShape[0]): Uint8Array {
  const graph = new OnnxGraph()
  const [, ...image] = model.imageShape
  const [channels] = image
  const perChannel = [1, channels, 1, 1]
  const mean = graph.constant('mean', perChannel, model.mean)
  const std = graph.constant('std', perChannel, model.std)
  const normalized = graph.node('Div', [graph.node('Sub', [inputName, mean]), std])
  const logits = resnet18Cifar(graph, model.convolutions, normalized)
  graph.node('Identity', [logits], {}, outputName)
  const classes = model.convolutions.get('linear')!.shape[0]!
  return new ProtoWriter()
    .varint(1, irVersion)
    .bytes(2, 'rst-native')
    .bytes(
      7,
      graph.encode(valueInfo(inputName, [batch, ...image]), valueInfo(outputName, [batch, classes, 1, 1])),
    )
    .bytes(8, new ProtoWriter().bytes(1, '').varint(2, opset))
    .finish()
}

/** Builds a GraphProto; values are known by name. */
class OnnxGraph implements GraphBuilder<string> {
  readonly #nodes: ProtoWriter[] = []
  readonly #initializers: ProtoWriter[] = []

  conv(
    x: string,
    { name, shape, weight, bias }: FoldedConv,
    options: { stride: number; relu: boolean },
  ): string {
    const kernel = shape[2]!
    const inputs = [
      x,
      this.constant(`${name}.weight`, shape, weight),
      this.constant(`${name}.bias`, [bias.length], bias),
    ]
    const y = this.node('Conv', inputs, {
      kernel_shape: [kernel, kernel],
      pads: Array(4).fill(kernel >> 1),
      strides: [options.stride, options.stride],
    })
    return options.relu ? this.node('Relu', [y]) : y
  }

  addRelu(a: string, b: string): string {
    return this.node('Relu', [this.node('Add', [a, b])])
  }

  globalAveragePool(x: string): string {
    return this.node('GlobalAveragePool', [x])
  }

  constant(name: string, shape: readonly number[], values: Float32Array): string {
    this.#initializers.push(encodeTensor(name, shape, values))
    return name
  }

  node(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, readonly number[]> = {},
    output = `value${this.#nodes.length}`,
  ): string {
    const node = new ProtoWriter()
    for (const input of inputs) node.bytes(1, input)
    node.bytes(2, output).bytes(4, opType)
    for (const [name, ints] of Object.entries(attributes)) node.bytes(5, encodeInts(name, ints))
    this.#nodes.push(node)
    return output
  }

  encode(input: ProtoWriter, output: ProtoWriter): ProtoWriter {
    const graph = new ProtoWriter()
    for (const node of this.#nodes) graph.bytes(1, node)
    graph.bytes(2, 'resnet18-cifar')
    for (const initializer of this.#initializers) graph.bytes(5, initializer)
    return graph.bytes(11, input).bytes(12, output)
  }
}

/** TensorProto */
export function encodeTensor(name: string, shape: readonly number[], values: Float32Array): ProtoWriter {
  const tensor = new ProtoWriter()
  for (const d of shape) tensor.varint(1, d)
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return tensor.varint(2, floatType).bytes(8, name).bytes(9, bytes)
}

/** AttributeProto of whole numbers */
function encodeInts(name: string, ints: readonly number[]): ProtoWriter {
  const attribute = new ProtoWriter().bytes(1, name)
  for (const value of ints) attribute.varint(8, value)
  return attribute.varint(20, intsAttribute)
}

/** ValueInfoProto of a float tensor; a name stands for any size. */
export function valueInfo(name: string, shape: readonly (number | string)[]): ProtoWriter {
  const dimensions = new ProtoWriter()
  for (const d of shape) {
    const dimension = new ProtoWriter()
    dimensions.bytes(1, typeof d === 'number' ? dimension.varint(1, d) : dimension.bytes(2, d))
  }
  const tensorType = new ProtoWriter().varint(1, floatType).bytes(2, dimensions)
  return new ProtoWriter().bytes(1, name).bytes(2, new ProtoWriter().bytes(1, tensorType))
}
