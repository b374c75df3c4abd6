import { describe, expect, it } from 'vitest'
import type { FoldedConv, PeerModel } from '../../bench/peers/model-file.ts'
import { encodeOnnx, encodeTensor, valueInfo } from '../../bench/peers/onnx-model.ts'
import { encodeVarint, ProtoWriter } from '../../bench/peers/protobuf.ts'
import { resnet18Cifar } from '../../bench/peers/resnet18-graph.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('protocol buffers', () => {
  it('encodes the examples of the format description', () => {
    expect(hex(encodeVarint(1))).toBe('01')
    expect(hex(encodeVarint(150))).toBe('9601')
    expect(hex(encodeVarint(2 ** 40))).toBe('808080808020')
    expect(hex(new ProtoWriter().varint(1, 150).finish())).toBe('089601')
    expect(hex(new ProtoWriter().bytes(2, 'testing').finish())).toBe('120774657374696e67')
    expect(hex(new ProtoWriter().bytes(3, new ProtoWriter().varint(1, 150)).finish())).toBe('1a03089601')
  })
  it('refuses what is no varint', () => {
    expect(() => encodeVarint(-1)).toThrow('Expected a whole number of at least 0')
    expect(() => encodeVarint(1.5)).toThrow('Expected a whole number of at least 0')
  })
})

describe('ONNX', () => {
  it('writes a tensor as onnx.helper does with raw data', () => {
    // onnx.numpy_helper.from_array(numpy.array([[1, 2]], "float32"), "w")
    const expected = '0801080210014201774a080000803f00000040'
    expect(hex(encodeTensor('w', [1, 2], Float32Array.of(1, 2)).finish())).toBe(expected)
  })
  it('writes the type of an input', () => {
    // onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3])
    expect(hex(valueInfo('x', [1, 3]).finish())).toBe('0a0178120e0a0c080112080a0208010a020803')
    // With ["N", 3], of any number of rows.
    expect(hex(valueInfo('x', ['N', 3]).finish())).toBe('0a0178120f0a0d080112090a0312014e0a020803')
  })
  it('writes a model with every convolution', () => {
    const bytes = Buffer.from(encodeOnnx(smallModel()))
    expect(hex(bytes.subarray(0, 2))).toBe('0808')
    for (const name of ['conv1.weight', 'layer4.0.shortcut.bias', 'linear.weight', 'GlobalAveragePool']) {
      expect(bytes.includes(name)).toBe(true)
    }
  })
})

describe('the graph', () => {
  it('has the 21 convolutions of resnet18-cifar, each stage but the first halving the image', () => {
    const strides: Record<string, number> = {}
    const result = resnet18Cifar<string>(
      {
        conv: (x, { name }, { stride }) => {
          strides[name] = stride
          return `${x} ${name}`
        },
        addRelu: a => `${a} +`,
        globalAveragePool: x => `${x} pool`,
      },
      smallModel().convolutions,
      'images',
    )
    expect(Object.keys(strides)).toHaveLength(21)
    expect(Object.keys(strides).filter(name => strides[name] === 2)).toHaveLength(6)
    expect(result.endsWith('layer4.1.conv2 + pool linear')).toBe(true)
  })
  it('names a convolution that the file lacks', () => {
    const build = { conv: () => '', addRelu: () => '', globalAveragePool: () => '' }
    expect(() => resnet18Cifar(build, new Map(), '')).toThrow('The model file has no convolution conv1.')
  })
})

/** One channel everywhere; all weights 1. */
function smallModel(): PeerModel {
  const names = ['conv1', 'linear']
  for (let stage = 1; stage <= 4; stage++) {
    for (let block = 0; block < 2; block++) {
      names.push(`layer${stage}.${block}.conv1`, `layer${stage}.${block}.conv2`)
    }
    if (stage > 1) names.push(`layer${stage}.0.shortcut`)
  }
  const convolutions = names.map((name): [string, FoldedConv] => {
    const kernel = /linear|shortcut/.test(name) ? 1 : 3
    const weight = new Float32Array(kernel * kernel).fill(1)
    return [name, { name, shape: [1, 1, kernel, kernel], weight, bias: new Float32Array(1) }]
  })
  return {
    images: new Float32Array(64),
    imageShape: [1, 1, 8, 8],
    labels: new Int32Array(1),
    mean: Float32Array.of(0.5),
    std: Float32Array.of(0.25),
    convolutions: new Map(convolutions),
  }
}
