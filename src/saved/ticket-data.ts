// What a ticket is made of, in memory.
import type { AttackSettings } from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import type { SplitPart } from '../data/dataset.ts'
import type { Initialisation } from '../nn/initialisation.ts'
import type { Pattern } from '../nn/pattern.ts'

export const ticketFormat = 'rst-ticket/1'

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** How pixels are normalised, channel by channel. */
export interface Normalisation {
  /** Of pixels in [0, 1]. */
  readonly mean: readonly number[]
  /** Standard deviations of pixels in [0, 1], above 0. */
  readonly std: readonly number[]
}

/** Weights of a ticket; biases and affine parameters, which are not masked, do not count. */
export interface ParameterCount {
  /** Those that the mask keeps. */
  readonly kept: number
  /** Those of the dense network. */
  readonly total: number
}

/** What a file says of a ticket. */
export interface TicketMetadata {
  /** Of the file. */
  readonly format: typeof ticketFormat
  /** One of `models.names`. */
  readonly arch: string
  /** Multiplier of every layer's channels, > 0. */
  readonly width: number
  /** How many it tells apart. */
  readonly classes: number
  /** Channels of its images. */
  readonly inChannels: number
  /** [height, width] in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /** How its weights are drawn. */
  readonly init: Initialisation
  /** By which its weights are drawn, an integer from 0 to 2^53 − 1. */
  readonly weightSeed: number
  /** By which the scores were drawn that the search began with, an integer from 0 to 2^53 − 1. */
  readonly scoreSeed: number
  /** Share of weights (or groups, by `pattern`) kept in each layer, (0, 1]. */
  readonly remainingRatio: number
  /** What one entry of a mask covers. */
  readonly pattern: Pattern
  /** The data set searched on. */
  readonly dataset: string
  /** Per channel, of pixels in [0, 1]; std > 0. */
  readonly normalisation: Normalisation
  /** The training options. */
  readonly recipe: { readonly [option: string]: Json }
  /** Shares in [0, 1]: `natural`, `robust` and whatever else was measured. */
  readonly accuracies: {
    /** On images as they are. */
    readonly natural?: number
    /** Naturally and under attack. */
    readonly robust?: number
    readonly [name: string]: number | undefined
  }
  /** What the accuracies are of, by name; older tickets do not say. */
  readonly measured?: Readonly<Record<string, Measurement>>
  /** Of the rst-native that made it. */
  readonly libraryVersion: string
}

/** What an accuracy was measured on and by. */
export interface Measurement {
  /** 95 % interval. */
  readonly interval: readonly [low: number, high: number]
  /** The images, as evaluations name them. */
  readonly data: {
    /** Such as 'cifar10 test'; null where the split did not say. */
    readonly name: string | null
    /** How many. */
    readonly images: number
    /** Of how many they are a part. */
    readonly of?: number
    /** 'part' where the caller chose them and did not say how. */
    readonly which: 'all' | 'part' | SplitPart['which']
    /** First 16 hexadecimal digits of a SHA-256; see DataProvenance. */
    readonly fingerprint: string
  }
  /** None for natural images. */
  readonly attack?: {
    /** With its main settings, such as 'pgd-20'. */
    readonly name: string
    /** Of its perturbations. */
    readonly norm: Norm
    /** Radius of its ball, pixels in [0, 1]. */
    readonly eps: number
    /** All settings. */
    readonly settings: AttackSettings
    /** Of its random draws. */
    readonly seed: number
  }
  /** That computed it, such as 'CPU, AVX2'. */
  readonly device: string
  /** Of the rst-native that computed it. */
  readonly version: string
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

/** What a ticket file holds. */
export interface TicketData {
  /** What the ticket is. */
  readonly metadata: TicketMetadata
  /** By layer name. */
  readonly masks: ReadonlyMap<string, LayerMask>
  /** Means by batch-norm name, one value a channel. */
  readonly runningMean: ReadonlyMap<string, Float32Array>
  /** Variances by batch-norm name, one value a channel. */
  readonly runningVar: ReadonlyMap<string, Float32Array>
  /** A fine-tuned ticket's kept weights of every layer, in the order of the dense weight [K, C, R, S]. */
  readonly weights?: ReadonlyMap<string, Float32Array>
  /**
   * A fine-tuned ticket's '<layer>.bias', '<norm>.gamma' and '<norm>.beta', one value a channel, where its architecture has
   * them. In other tickets biases and shifts are 0 and scales 1.
   */
  readonly biasesAndAffine?: ReadonlyMap<string, Float32Array>
}
