// Whether a ticket fits the network it is to be loaded into.
import { TicketError } from '../errors.ts'
import type { TicketData } from './ticket-data.ts'

/** The masked layers and batch norms of a network, in any order, and which have bias and affine parameters once trained. */
export interface Architecture {
  readonly layers: readonly {
    readonly name: string
    readonly weightShape: readonly number[]
    readonly bias?: boolean
  }[]
  readonly batchNorms: readonly {
    readonly name: string
    readonly channels: number
    readonly affine?: boolean
  }[]
}

/**
 * @param file named in errors
 * @throws TicketError naming the first layer or batch norm that is missing, too many or of another shape
 */
export function checkArchitecture(ticket: TicketData, expected: Architecture, file: string): void {
  const { arch, width } = ticket.metadata
  const wrong = (message: string, field: string) =>
    new TicketError(
      `${file}: ticket of another architecture: ${message} in ${arch} of width ${width}.`,
      field,
    )

  for (const { name, weightShape } of expected.layers) {
    const mask = ticket.masks.get(name)
    if (mask === undefined) throw wrong(`layer ${name} is missing that exists`, `${name}.mask`)
    if (mask.weightShape.join() !== weightShape.join()) {
      throw wrong(
        `layer ${name} has weights [${mask.weightShape.join(', ')}] but they are [${weightShape.join(', ')}]`,
        `${name}.mask`,
      )
    }
  }
  const layers = new Set(expected.layers.map(layer => layer.name))
  for (const name of ticket.masks.keys()) {
    if (!layers.has(name)) throw wrong(`layer ${name} does not exist`, `${name}.mask`)
  }

  for (const { name, channels } of expected.batchNorms) {
    const mean = ticket.runningMean.get(name)
    if (mean === undefined) throw wrong(`batch norm ${name} is missing that exists`, `${name}.running_mean`)
    if (mean.length !== channels) {
      throw wrong(
        `batch norm ${name} has ${mean.length} channels but there are ${channels}`,
        `${name}.running_mean`,
      )
    }
  }
  const batchNorms = new Set(expected.batchNorms.map(norm => norm.name))
  for (const name of ticket.runningMean.keys()) {
    if (!batchNorms.has(name)) throw wrong(`batch norm ${name} does not exist`, `${name}.running_mean`)
  }

  if (!ticket.weights) return
  const trained = new Set([
    ...expected.layers.flatMap(({ name, bias }) => (bias ? [`${name}.bias`] : [])),
    ...expected.batchNorms.flatMap(({ name, affine }) => (affine ? [`${name}.gamma`, `${name}.beta`] : [])),
  ])
  for (const name of trained) {
    if (!ticket.biasesAndAffine?.has(name)) throw wrong(`${name} is missing that exists`, name)
  }
  for (const name of ticket.biasesAndAffine?.keys() ?? []) {
    if (!trained.has(name)) throw wrong(`${name} does not exist`, name)
  }
}
