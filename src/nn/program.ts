// A network's steps as calls of ops, in the state that its layers are in.
import * as ops from '../tensor/ops/index.ts'
import { release } from '../tensor/tape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { BatchNorm2d } from './batch-norm2d.ts'
import type { OpDescription } from './description.ts'
import type { Step } from './fusing.ts'
import type { MaskedConv2d } from './masked-conv2d.ts'

/** An op and the call of it. */
interface Call extends OpDescription {
  /** From the results that it takes, one or two. */
  readonly run: (x: Tensor, y?: Tensor) => Tensor
}

/** What the steps stand for. */
export interface Layers {
  convolution(name: string): MaskedConv2d
  batchNorm(name: string): BatchNorm2d
  /** Of pixels, per channel. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

export class Program {
  readonly #calls: readonly Call[]
  /** Of each call, the places of its inputs in `calls`; −1 are the images. */
  readonly #inputs: readonly (readonly number[])[]
  /** Of each call, the places of the results that nothing takes after it. */
  readonly #spent: readonly (readonly number[])[]

  /** @param classes of the logits, [N, classes] */
  constructor(steps: readonly Step[], layers: Layers, classes: number) {
    const calls = steps.flatMap(step => callsOf(step, layers))
    const shape = [-1, classes]
    calls.push({
      ...{ name: 'logits', op: 'reshape', inputs: [calls.at(-1)!.name], shape: [classes] },
      ...{ attributes: { shape }, parameters: {} },
      run: maps => ops.reshape(maps, shape),
    })
    const places = new Map(calls.map(({ name }, i) => [name, i]))
    const inputs = calls.map(call => call.inputs.map(name => places.get(name) ?? -1))
    const lastTaker = new Map(inputs.flatMap((taken, i) => taken.map(place => [place, i] as const)))
    this.#calls = calls
    this.#inputs = inputs
    this.#spent = inputs.map((taken, i) =>
      [...new Set(taken)].filter(place => place >= 0 && lastTaker.get(place) === i),
    )
  }

  /** From images to logits. Each result is freed after its last use (under a tape, the tape frees it). */
  run(images: Tensor): Tensor {
    return this.#run(images, this.#calls.length).at(-1)!
  }

  /** What the layer of that weight takes, from images. */
  inputOf(weight: string, images: Tensor): Tensor {
    const at = this.#calls.findIndex(({ parameters }) => parameters.weight === weight)
    const [place] = this.#inputs[at]!
    return this.#run(images, at)[place!] ?? images
  }

  /** The results of the first calls; those that nothing takes any more are freed. */
  #run(images: Tensor, count: number): Tensor[] {
    const results: Tensor[] = []
    for (let i = 0; i < count; i++) {
      const [first, second] = this.#inputs[i]!
      const x = results[first!] ?? images
      results.push(second === undefined ? this.#calls[i]!.run(x) : this.#calls[i]!.run(x, results[second]))
      for (const place of this.#spent[i]!) release(results[place]!)
    }
    return results
  }

  describe(): OpDescription[] {
    return this.#calls.map(({ run: _, ...description }) => description)
  }
}

function callsOf(step: Step, layers: Layers): Call[] {
  const { name, node, relu } = step
  const conv = step.conv && layers.convolution(step.conv.name)
  const norm = step.norm && layers.batchNorm(step.norm.name)
  if (conv && norm?.mode === 'eval' && !conv.bias && !norm.affine) return [foldedCall(step, conv, norm)]
  const calls = conv ? convCalls(step, conv) : []
  if (norm) {
    const [x, ...residual] = step.inputs
    calls.push({
      ...{ name, op: 'batchNorm', inputs: [calls.at(-1)?.name ?? x!, ...residual], shape: node.shape },
      ...{ attributes: { relu }, parameters: norm.tensorNames },
      run: (maps, added) => norm.forward(maps, { relu, residual: added }),
    })
  }
  return calls.length > 0 ? calls : [plainCall(step, layers)]
}

/** Convolution and batch norm in one. */
function foldedCall({ name, node, inputs, relu }: Step, conv: MaskedConv2d, norm: BatchNorm2d): Call {
  const parameters = { weight: conv.tensorNames.weight, ...norm.tensorNames }
  return {
    ...{ name, op: 'convBatchNorm', inputs, shape: node.shape },
    ...{ attributes: { ...conv.geometry, relu }, parameters },
    run: (x, residual) => conv.forwardNormalized(x, norm, { relu, residual }),
  }
}

/** A convolution, and its bias where it has one. */
function convCalls({ name, conv: node, norm, inputs }: Step, conv: MaskedConv2d): Call[] {
  const { shape } = node!
  const { weight, bias } = conv.tensorNames
  const last = norm ? node!.name : name
  const product: Call = {
    ...{ name: bias ? `${node!.name}.conv2d` : last, op: 'conv2d', inputs: [inputs[0]!], shape },
    ...{ attributes: conv.geometry, parameters: { weight } },
    run: x => conv.convolve(x),
  }
  if (!bias) return [product]
  const sum: Call = {
    ...{ name: last, op: 'biasAdd', inputs: [product.name], shape, attributes: {}, parameters: { bias } },
    run: maps => ops.biasAdd(maps, conv.bias!),
  }
  return [product, sum]
}

function plainCall({ name, node, inputs }: Step, { mean, std }: Layers): Call {
  const call = (
    op: OpDescription['op'],
    run: Call['run'],
    attributes: OpDescription['attributes'] = {},
  ): Call => ({ name, op, inputs, attributes, parameters: {}, shape: node.shape, run })
  switch (node.op) {
    case 'normalize':
      return call('normalize', x => ops.normalize(x, mean, std), { mean, std })
    case 'relu':
      return call('relu', x => ops.relu(x))
    case 'add':
      return call('add', (a, b) => ops.add(a, b!))
    case 'maxPool2d':
    case 'avgPool2d': {
      const { op, kernel, stride, padding } = node
      const pool = op === 'maxPool2d' ? ops.maxPool2d : ops.avgPool2d
      return call(op, x => pool(x, kernel, { stride, padding }), { kernel, stride, padding })
    }
    case 'globalAvgPool':
      return call('globalAvgPool', x => ops.globalAvgPool(x))
    case 'flatten': {
      const shape = [-1, ...node.shape]
      return call('reshape', x => ops.reshape(x, shape), { shape })
    }
    default:
      throw new TypeError(`The layer ${node.name} of op ${node.op} is computed with others.`)
  }
}
