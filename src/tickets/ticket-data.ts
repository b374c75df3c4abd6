// What a ticket is made of, in memory.
import type { Initialisation } from '../nn/initialisation.ts'
import type { Pattern } from '../nn/pattern.ts'

export const ticketFormat = 'rst-ticket/1'

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export interface TicketMetadata {
  readonly format: typeof ticketFormat
  /** One of `models.names`. */
  readonly arch: string
  /** Multiplier of every layer's channels, > 0. */
  readonly width: number
  readonly classes: number
  readonly inChannels: number
  /** [height, width] in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  readonly init: Initialisation
  /** Integers from 0 to 2^53 − 1. */
  readonly weightSeed: number
  readonly scoreSeed: number
  /** Share of weights (or groups, by `pattern`) kept in each layer, (0, 1]. */
  readonly remainingRatio: number
  readonly pattern: Pattern
  /** The data set searched on. */
  readonly dataset: string
  /** Per channel, of pixels in [0, 1]; std > 0. */
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] }
  /** The training options. */
  readonly recipe: { readonly [option: string]: Json }
  /** Shares in [0, 1]: `natural`, `robust` and whatever else was measured. */
  readonly accuracies: {
    readonly natural?: number
    readonly robust?: number
    readonly [name: string]: number | undefined
  }
  readonly libraryVersion: string
}

/** Which weights of one layer are kept. */
export interface LayerMask {
  /** [K, C, R, S] */
  readonly weightShape: readonly number[]
  /** The leading sizes of `weightShape`: all four for 'element', three for 'row', two for 'kernel', one for 'channel'. */
  readonly shape: readonly number[]
  /** One bit an element of `shape`, packed LSB first, ceil(elements / 8) bytes; bits past the last element are 0. */
  readonly bits: Uint8Array
}

export interface TicketData {
  readonly metadata: TicketMetadata
  /** By layer name. */
  readonly masks: ReadonlyMap<string, LayerMask>
  /** By batch-norm name, one value a channel. */
  readonly runningMean: ReadonlyMap<string, Float32Array>
  readonly runningVar: ReadonlyMap<string, Float32Array>
  /** A fine-tuned ticket's kept weights of every layer, in the order of the dense weight [K, C, R, S]. */
  readonly weights?: ReadonlyMap<string, Float32Array>
}

const maskRanks: Record<Pattern, number> = { element: 4, row: 3, kernel: 2, channel: 1 }

/** The shape of the mask of a weight of shape [K, C, R, S]. */
export function maskShape(pattern: Pattern, weightShape: readonly number[]): number[] {
  return weightShape.slice(0, maskRanks[pattern])
}

/** How many of `count` weights (or groups) a layer keeps: max(1, round(ratio · count)). */
export function keptCount(remainingRatio: number, count: number): number {
  return Math.max(1, Math.round(remainingRatio * count))
}
