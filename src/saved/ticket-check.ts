// Whether the parts of a ticket fit each other: the same check before it is written and after it is read.
import { TicketError } from '../errors.ts'
import { keepCount, maskShape } from '../nn/pattern.ts'
import type { TicketData } from './ticket-data.ts'

/**
 * @param owner starts each error's sentence: the file's path, or 'The ticket'
 * @throws TicketError naming the tensor that is wrong
 */
export function checkTicket(ticket: TicketData, owner: string): void {
  const wrong = (message: string, field: string) => new TicketError(`${owner}: ${message}`, field)
  if (ticket.masks.size === 0) throw wrong('there is no mask in it, expected one a layer.', 'mask')
  for (const layer of ticket.masks.keys()) checkMask(ticket, layer, wrong)
  checkRunningStatistics(ticket, wrong)
  for (const layer of ticket.weights?.keys() ?? []) {
    if (!ticket.masks.has(layer)) throw wrong(`tensor ${layer}.weight belongs to no mask.`, `${layer}.weight`)
  }
  for (const [name, values] of ticket.biasesAndAffine ?? []) checkBiasOrAffine(ticket, name, values, wrong)
}

type Wrong = (message: string, field: string) => TicketError

function checkMask({ metadata, masks, weights }: TicketData, layer: string, wrong: Wrong): void {
  const field = `${layer}.mask`
  const { weightShape, shape, bits } = masks.get(layer)!
  const expectedShape = maskShape(weightShape, metadata.pattern)
  if (shape.join() !== expectedShape.join()) {
    throw wrong(
      `tensor ${field} must have shape [${expectedShape.join(', ')}] for pattern ${metadata.pattern} but has [${shape.join(', ')}].`,
      field,
    )
  }
  const count = product(shape)
  const bytes = Math.ceil(count / 8)
  if (bits.length !== bytes)
    throw wrong(`tensor ${field} must have ${bytes} bytes for ${count} bits but has ${bits.length}.`, field)
  const padding = count % 8 === 0 ? 0 : bits[bytes - 1] >> (count % 8)
  if (padding !== 0)
    throw wrong(`tensor ${field} must have zeros after its last bit, number ${count - 1}.`, field)
  const kept = countOnes(bits)
  const expected = keepCount(count, metadata.remainingRatio)
  if (kept !== expected) {
    throw wrong(
      `tensor ${field} must keep ${expected} of ${count} at remainingRatio ${metadata.remainingRatio} but keeps ${kept}.`,
      field,
    )
  }
  if (weights !== undefined)
    checkWeights(layer, weights.get(layer), kept * (product(weightShape) / count), wrong)
}

function checkWeights(
  layer: string,
  weights: Float32Array | undefined,
  expected: number,
  wrong: Wrong,
): void {
  const field = `${layer}.weight`
  if (weights === undefined) {
    throw wrong(`tensor ${field} is missing; a fine-tuned ticket has the kept weights of every layer.`, field)
  }
  if (weights.length !== expected) {
    throw wrong(`tensor ${field} must have the ${expected} kept weights but has ${weights.length}.`, field)
  }
  const at = weights.findIndex(weight => !Number.isFinite(weight))
  if (at >= 0) throw wrong(`tensor ${field} must be finite but element ${at} is ${weights[at]}.`, field)
}

function checkBiasOrAffine(
  { masks, runningMean, weights, biasesAndAffine }: TicketData,
  name: string,
  values: Float32Array,
  wrong: Wrong,
): void {
  if (weights === undefined) {
    throw wrong(`tensor ${name} is only in fine-tuned tickets, which have the kept weights too.`, name)
  }
  const [owner, part] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)]
  const channels = part === 'bias' ? masks.get(owner)?.weightShape[0] : runningMean.get(owner)?.length
  if (channels === undefined) {
    throw wrong(`tensor ${name} belongs to no ${part === 'bias' ? 'mask' : 'batch norm'}.`, name)
  }
  if (values.length !== channels)
    throw wrong(`tensor ${name} must have ${channels} channels but has ${values.length}.`, name)
  const at = values.findIndex(value => !Number.isFinite(value))
  if (at >= 0) throw wrong(`tensor ${name} must be finite but element ${at} is ${values[at]}.`, name)
  const other = part === 'gamma' ? `${owner}.beta` : part === 'beta' ? `${owner}.gamma` : name
  if (!biasesAndAffine!.has(other)) throw wrong(`tensor ${other} is missing.`, other)
}

function checkRunningStatistics({ runningMean, runningVar }: TicketData, wrong: Wrong): void {
  for (const [name, mean] of runningMean) {
    const variance = runningVar.get(name)
    if (variance === undefined) throw wrong(`tensor ${name}.running_var is missing.`, `${name}.running_var`)
    if (variance.length !== mean.length) {
      throw wrong(
        `tensor ${name}.running_var must have ${mean.length} channels, as ${name}.running_mean, but has ${variance.length}.`,
        `${name}.running_var`,
      )
    }
    const badMean = mean.findIndex(value => !Number.isFinite(value))
    if (badMean >= 0) {
      throw wrong(
        `tensor ${name}.running_mean must be finite but element ${badMean} is ${mean[badMean]}.`,
        `${name}.running_mean`,
      )
    }
    const badVar = variance.findIndex(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
    if (badVar >= 0) {
      throw wrong(
        `tensor ${name}.running_var must be finite and ≥ 0 but element ${badVar} is ${variance[badVar]}.`,
        `${name}.running_var`,
      )
    }
  }
  for (const name of runningVar.keys()) {
    if (!runningMean.has(name)) throw wrong(`tensor ${name}.running_mean is missing.`, `${name}.running_mean`)
  }
}

const onesOfByte = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

/** The number of one bits. */
export function countOnes(bits: Uint8Array): number {
  let ones = 0
  for (let i = 0; i < bits.length; i++) ones += onesOfByte[bits[i]]
  return ones
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1)
}
