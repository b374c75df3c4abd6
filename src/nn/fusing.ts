// Which layers are computed together: a batch norm with the convolution before it, and with the addition and the ReLU
// after it. A convolution and a norm of two blocks are not, so that a block computes the same wherever it stands.
import type { ConvNode, Graph, GraphNode, NormNode } from './graph.ts'

/** One or more layers of which only the last one's result is needed. */
export interface Step {
  /** Of its result: that of the last of its layers that has weights or statistics. */
  readonly name: string
  /** The last of its layers. */
  readonly node: GraphNode
  readonly conv?: ConvNode
  readonly norm?: NormNode
  /** Whether a ReLU follows the norm. */
  readonly relu: boolean
  /** Names of the results that it reads; what is added to the norm's result comes last. */
  readonly inputs: readonly string[]
}

/** The steps in which a network is computed. */
export function fusedSteps({ nodes, result }: Graph): Step[] {
  const consumers = new Map<GraphNode, GraphNode[]>(nodes.map(node => [node, []]))
  for (const node of nodes) for (const input of node.inputs) consumers.get(input)!.push(node)
  const onlyConsumer = (node: GraphNode) => {
    const all = consumers.get(node)!
    return node !== result && all.length === 1 ? all[0]! : undefined
  }

  const byLast = new Map<GraphNode, Omit<Step, 'inputs'> & { reads: readonly GraphNode[] }>()
  const fused = new Set<GraphNode>()
  for (const node of nodes) {
    if (fused.has(node) || node.op === 'images') continue
    const conv = node.op === 'conv2d' ? node : undefined
    const next = conv ? onlyConsumer(conv) : node
    const fuses = next?.op === 'batchNorm' && blockOf(next.name) === blockOf(node.name)
    const norm = fuses ? next : undefined
    const reads = [...node.inputs]
    let last: GraphNode = norm ?? node
    let relu = false
    if (norm) {
      const sum = onlyConsumer(norm)
      if (sum?.op === 'add' && sum.inputs[0] === norm) {
        reads.push(sum.inputs[1]!)
        last = sum
      }
      const activation = onlyConsumer(last)
      if (activation?.op === 'relu') {
        relu = true
        last = activation
      }
    }
    for (let one = node; one !== last; one = onlyConsumer(one)!) fused.add(one)
    fused.add(last)
    byLast.set(last, { name: (norm ?? node).name, node: last, conv, norm, relu, reads })
  }
  // In the place of its last layer a step finds all that it reads.
  return nodes.flatMap(node => {
    const step = byLast.get(node)
    if (!step) return []
    const { reads, ...rest } = step
    return { ...rest, inputs: reads.map(input => byLast.get(input)?.name ?? input.name) }
  })
}

/** 'layer1.0' of 'layer1.0.conv1'. */
const blockOf = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf('.')))
