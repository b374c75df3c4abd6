// What tickets take, next to the dense network that they stand for (paper, Sec. 6.2: the only overhead of another
// ticket of the same network is its mask).
import { stat } from 'node:fs/promises'
import * as models from '../models/index.ts'
import { checkPaths, readTicket } from './stored-ticket.ts'
import { countOnes } from './ticket-check.ts'
import type { ParameterCount, TicketData, TicketMetadata } from './ticket-data.ts'
import { ticketHash } from './ticket-file.ts'

/** What one ticket takes. */
export interface TicketAccount {
  /** Its path. */
  readonly file: string
  /** What the file says of it. */
  readonly metadata: TicketMetadata
  /** SHA-256 of all that the ticket's answers depend on: its name in reports. */
  readonly hash: string
  /** Its weights. */
  readonly parameters: ParameterCount
  /** What it takes, part by part. */
  readonly bytes: {
    /** One bit a weight, row, kernel or channel. */
    readonly masks: number
    /** Running means and variances, 4 bytes each. */
    readonly batchNorms: number
    /** Kept weights, biases and affine parameters, 4 bytes each; 0 where the seed gives them. */
    readonly weights: number
    /** The whole file. */
    readonly file: number
    /** A checkpoint of the dense network: all its parameters and its batch-norm statistics in 4 bytes each. */
    readonly denseCheckpoint: number
  }
}

/** What tickets take, next to the dense networks that they stand for. */
export interface TicketAccounts {
  /** One a file, in their order. */
  readonly tickets: readonly TicketAccount[]
  /** Whether all tickets are drawn from one random network, so that they can share its weights. */
  readonly sharedNetwork: boolean
  /** All files together, and a dense checkpoint for each ticket. */
  readonly bytes: {
    /** All ticket files together. */
    readonly files: number
    /** A dense checkpoint for each ticket. */
    readonly denseCheckpoints: number
  }
}

/**
 * Reads ticket files and counts: weights kept, and bytes next to dense checkpoints (Fu et al., NeurIPS 2021, section
 * 6.2).
 * @param files paths of tickets, at least one
 * @throws TicketError, ConfigError
 * @example
 * import { ticketAccounts } from 'rst-native'
 * const { tickets, sharedNetwork } = await ticketAccounts(['rst-5.safetensors', 'rst-10.safetensors'])
 * const [{ parameters, bytes }] = tickets
 * console.log(sharedNetwork, (parameters.kept / parameters.total).toFixed(2)) // → true 0.05
 * console.log(bytes.masks === Math.ceil(parameters.total / 8) || bytes.masks > 0) // → true
 */
export async function ticketAccounts(files: readonly string[]): Promise<TicketAccounts> {
  checkPaths(files, 'ticketAccounts')
  const tickets: TicketAccount[] = []
  for (const file of files) tickets.push(account(file, await readTicket(file), (await stat(file)).size))
  const networkOf = ({ arch, width, inChannels, init, weightSeed }: TicketMetadata) =>
    [arch, width, inChannels, init, weightSeed].join()
  const networks = new Set(tickets.map(({ metadata }) => networkOf(metadata)))
  const sum = (of: (ticket: TicketAccount) => number) => tickets.reduce((total, t) => total + of(t), 0)
  return {
    tickets,
    sharedNetwork: networks.size === 1 && tickets.every(({ bytes }) => bytes.weights === 0),
    bytes: { files: sum(t => t.bytes.file), denseCheckpoints: sum(t => t.bytes.denseCheckpoint) },
  }
}

function account(file: string, ticket: TicketData, size: number): TicketAccount {
  const { metadata, masks, runningMean, weights, biasesAndAffine } = ticket
  let kept = 0
  let total = 0
  let maskBytes = 0
  for (const { weightShape, shape, bits } of masks.values()) {
    const count = product(weightShape)
    total += count
    kept += countOnes(bits) * (count / product(shape))
    maskBytes += bits.length
  }
  const channels = [...runningMean.values()].reduce((sum, mean) => sum + mean.length, 0)
  const batchNorms = 2 * 4 * channels
  const trained = [...(weights?.values() ?? []), ...(biasesAndAffine?.values() ?? [])]
  const stored = trained.reduce((sum, values) => sum + values.length, 0)
  return {
    file,
    metadata,
    hash: ticketHash(ticket),
    parameters: { kept, total },
    bytes: {
      masks: maskBytes,
      batchNorms,
      weights: 4 * stored,
      file: size,
      denseCheckpoint: 4 * (total + biasesAndAffineOf(metadata)) + batchNorms,
    },
  }
}

/** How many the dense network has. */
function biasesAndAffineOf(metadata: TicketMetadata): number {
  if (!models.isName(metadata.arch)) return 0
  const { layers, batchNorms } = models.layersOf(metadata.arch, metadata)
  const biases = layers.reduce((sum, { bias, weightShape }) => sum + (bias ? weightShape[0]! : 0), 0)
  return batchNorms.reduce((sum, { affine, channels }) => sum + (affine ? 2 * channels : 0), biases)
}

const product = (shape: readonly number[]) => shape.reduce((result, d) => result * d, 1)
